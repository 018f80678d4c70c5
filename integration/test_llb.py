"""`buildkit_llb` alone: the graphs of its README built by a real BuildKit.

Through this project's own client of BuildKit, and through buildctl where one is installed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from buildkit_llb import (
    Definition,
    Location,
    Metadata,
    Platform,
    Position,
    Range,
    SourceInfo,
    bind,
    image,
    load,
    local,
    marshal,
    scratch,
)
from cog_cli.builder.credentials import Credentials
from cog_cli.builder.endpoint import docker_engine
from cog_cli.builder.failure import build_failure
from cog_cli.builder.filesend import ToFolder
from cog_cli.builder.pb.control_pb2 import Exporter, SolveRequest, StatusResponse
from cog_cli.builder.services import Offer, handlers
from cog_cli.builder.session import Session
from cog_cli.builder.solve import Job, connected, solve
from cog_frontend.rpc import RpcError
from integration.engine import EngineInfo, ensure_engine
from integration.relay import relayed
from tests.llb.test_readme import EXAMPLES

LINUX = Platform(os="linux", architecture="amd64")
SECRET = b"machine example.org login me password hidden"


@pytest.fixture(scope="module")
def engine() -> EngineInfo:
    """The newest engine, with the store that can merge."""
    return ensure_engine("sid", "containerd")


@dataclass(frozen=True, slots=True)
class Built:
    """How a build ended: why it failed ("" if not), and the digests that the daemon named."""

    problem: str
    digests: set[str] = field(default_factory=set)


Build = Callable[[EngineInfo, bytes, Path, Path], Built]


def with_our_client(engine: EngineInfo, graph: bytes, context: Path, out: Path) -> Built:
    """Build a definition, given as bytes, and write the result into ``out``."""
    offer = Offer(
        folders={"context": context},
        credentials=lambda _: Credentials(),
        secret=lambda _: SECRET,
        destinations={0: ToFolder(out)},
    )
    session = Session(id=secrets.token_hex(12), shared_key="", handlers=handlers(offer))
    request = SolveRequest(
        Ref=secrets.token_hex(12),
        Session=session.id,
        Definition=Definition.from_bytes(graph).to_pb(),
        ExporterDeprecated="local",
        Exporters=[Exporter(Type="local")],
    )
    digests: set[str] = set()

    def take(message: bytes) -> None:
        digests.update(vertex.digest for vertex in StatusResponse.FromString(message).vertexes)

    job = Job(request=request, options={}, in_process=False, session=session)
    builder = docker_engine(engine.env["DOCKER_HOST"])
    try:
        with connected(builder, session) as connection:
            solve(connection, job, take)
    except RpcError as error:
        failure = build_failure(error)
        return Built("\n".join([*failure.snippets, failure.message]), digests)
    return Built("", digests)


def with_buildctl(engine: EngineInfo, graph: bytes, context: Path, out: Path) -> Built:
    """The same with BuildKit's own command, over a socket that stands for a buildkitd's."""
    program = shutil.which("buildctl")
    if program is None:
        pytest.skip("buildctl is not installed")
    listener = socket.socket(socket.AF_UNIX)
    folder = context.parent
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)  # a socket's path must be short
        listener.bind("buildkitd.sock")
        listener.listen()
        (folder / "netrc").write_bytes(SECRET)
        with relayed(engine, listener):
            done = subprocess.run(
                [
                    *(program, "--addr", f"unix://{folder}/buildkitd.sock", "build"),
                    *("--progress", "plain", "--local", f"context={context}"),
                    *("--secret", "id=netrc,src=netrc", "--output", f"type=local,dest={out}"),
                ],
                input=graph,
                capture_output=True,
                check=False,
            )
        Path("buildkitd.sock").unlink()
    return Built(done.stderr.decode() if done.returncode else "")


WAYS = pytest.mark.parametrize("build", [with_our_client, with_buildctl])


def piped(name: str, folder: Path) -> bytes:
    """What an example of the README writes."""
    (folder / name).write_text(EXAMPLES[name])
    argv = [sys.executable, str(folder / name)]
    return subprocess.run(argv, capture_output=True, check=True, env=os.environ).stdout


def seen_by(graph: bytes, script: str) -> bytes:
    """A graph that runs ``script`` on what ``graph`` makes and returns its ``/out``."""
    out = bind("/out", scratch(), readonly=False)
    run = load(Definition.from_bytes(graph)).run(["sh", "-c", script], mounts=[out])
    return marshal(run.output("/out"), platform=LINUX).to_bytes()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A context to build from, and a place for results."""
    context = tmp_path / "context"
    context.mkdir()
    return context, tmp_path / "out"


@WAYS
def test_a_command_and_what_it_left(
    engine: EngineInfo, build: Build, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    context, out = folders
    assert build(engine, piped("hello.py", tmp_path), context, out).problem == ""
    assert (out / "greeting").read_text() == "hello\n"


@WAYS
def test_packages_with_a_cache_and_a_secret(
    engine: EngineInfo, build: Build, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    context, out = folders
    (context / "needs.txt").write_text("# packages\nsix\n")
    (context / "other.txt").write_text("not sent")
    script = "python3 -c 'import six' && cat /root/.netrc /src/* 2>/dev/null > /out/left; true"
    graph = seen_by(piped("packages.py", tmp_path), f"cd / && {script}")
    assert build(engine, graph, context, out).problem == ""
    assert (out / "left").read_text() == ""  # neither the secret nor the folder is in the layer


@WAYS
def test_a_failure_shows_the_line_of_the_callers_own_file(
    engine: EngineInfo, build: Build, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    """The daemon finds the line by the op's digest: by its own, so ours has to be equal."""
    context, out = folders
    problem = build(engine, piped("packages.py", tmp_path), context, out).problem
    assert "needs.txt:2" in problem
    assert "   2 | >>> six" in problem


@WAYS
def test_branches_merged(
    engine: EngineInfo, build: Build, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    context, out = folders
    (context / "a.txt").write_text("mine\n")
    script = "cat /one /two /src/a.txt /src/.built > /out/all"
    graph = seen_by(piped("layers.py", tmp_path), script)
    assert build(engine, graph, context, out).problem == ""
    assert (out / "all").read_text() == "1\n2\nmine\nby buildkit_llb\n"


def test_digests_are_those_that_the_daemon_gives(
    engine: EngineInfo, folders: tuple[Path, Path]
) -> None:
    """Attributes whose names begin alike are where protobuf's own order is not Go's."""
    context, out = folders
    (context / "kept").write_text("content")
    tree = local("context", metadata_only=True, metadata_only_except=["kept"], include=["kept"])
    here = Location(SourceInfo("f", b"x\n"), [Range(Position(1), Position(1))])
    run = image("python:3.12-slim").run(
        ["sh", "-c", "cat /in/kept > /out/kept"],
        mounts=[bind("/in", tree), bind("/out", scratch(), readonly=False)],
        metadata=Metadata(name="copy", locations=(here,)),
    )
    definition = marshal(run.output("/out"), platform=LINUX)
    built = with_our_client(engine, definition.to_bytes(), context, out)
    assert built.problem == ""
    assert (out / "kept").read_text() == "content"
    assert set(definition.digests[:-1]) <= built.digests
