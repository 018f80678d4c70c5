"""The bridge over the real transport: two pipes, HTTP/2 and gRPC between them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

import buildkit_llb as llb
from cog_frontend.gateway import Bridge, failure_from_rpc, single_image
from cog_frontend.rpc import Connection, RpcError
from cog_frontend.rpc.server import Server
from tests.fakes.bridge import FakeBridge, FakeImage
from tests.fakes.solver import Run, RunFailed

AMD64 = llb.Platform.parse("linux/amd64")
PYTHON = "docker.io/library/python:3.12-slim"


@contextmanager
def connected(fake: FakeBridge) -> Iterator[Bridge]:
    to_server, from_client = os.pipe()
    to_client, from_server = os.pipe()
    server = Thread(target=Server(to_server, from_server, fake.handlers()).serve)
    server.start()
    connection = Connection(to_client, from_client)
    try:
        yield Bridge(connection)
    finally:
        connection.close()
        server.join()


def test_a_build_from_ping_to_return() -> None:
    large = os.urandom(9_000_000)
    fake = FakeBridge(
        files={"context": {"requirements.txt": b"torch\n", "large": large}},
        images={PYTHON: FakeImage(digest="sha256:12")},
    )
    with connected(fake) as bridge:
        ping = bridge.start_ping()
        context = bridge.start_solve(llb.marshal(llb.local("context"), platform=AMD64))
        assert "mergeop" in ping.result().llb
        image = bridge.resolve(PYTHON, platform=AMD64)
        ref = context.result()
        assert ref
        assert bridge.read_file(ref, "requirements.txt") == b"torch\n"
        assert bridge.read_file(ref, "large", size_hint=len(large)) == large
        assert bridge.read_file_optional(ref, "missing") is None
        bridge.warn("sha256:12", "unpinned")
        bridge.return_result(single_image(ref, image.config, AMD64))
    assert fake.tree().files["requirements.txt"] == b"torch\n"
    assert [each.short for each in fake.warnings] == [b"unpinned"]


def test_an_error_keeps_its_details_both_ways() -> None:
    def fails(run: Run) -> dict[str, bytes]:
        raise RunFailed(3)

    fake = FakeBridge(images={PYTHON: FakeImage()}, runner=fails)
    yaml = b"# a long file\n" * 20_000
    place = llb.Location(
        llb.SourceInfo("cog.yaml", yaml, "YAML"),
        (llb.Range(llb.Position(3), llb.Position(4)),),
    )
    step = llb.image(PYTHON).run(["false"], metadata=llb.Metadata(locations=(place,)))
    with connected(fake) as bridge:
        ref = bridge.solve(llb.marshal(step.root, platform=AMD64))
        assert ref
        with pytest.raises(RpcError) as caught:
            bridge.evaluate(ref)
        bridge.return_error(failure_from_rpc(caught.value, prefix="running steps"))
    assert fake.error.message.startswith('running steps: process "false" did not complete')
    kinds = [each.type_url.rpartition("/")[2] for each in fake.error.details]
    assert kinds == ["errdefs.Vertex+json", "errdefs.Source+json"]
    assert len(fake.error.details[1].value) > len(yaml)
