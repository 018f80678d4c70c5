"""Calls of a build against the in-memory daemon."""

from __future__ import annotations

import json

import pytest

import buildkit_llb as llb
from cog_frontend.gateway import (
    AlreadyReturned,
    Attestation,
    Bridge,
    CacheImport,
    Failure,
    Pending,
    Ref,
    Result,
    messages,
    single_image,
)
from cog_frontend.gateway.pb import gateway_pb2
from cog_frontend.rpc import RpcError
from tests.fakes.bridge import FakeBridge, FakeImage
from tests.fakes.caps import Abilities
from tests.fakes.solver import Run, RunFailed

AMD64 = llb.Platform.parse("linux/amd64")
PYTHON = "docker.io/library/python:3.12-slim"


def define(state: llb.State) -> llb.Definition:
    return llb.marshal(state, platform=AMD64)


def hello() -> llb.State:
    return llb.image(PYTHON).run(["echo", "hello"], metadata=llb.Metadata(name="say hello")).root


def solved(bridge: Bridge, state: llb.State) -> Ref:
    ref = bridge.solve(define(state))
    assert ref
    return ref


# Solve


def test_solve_sends_the_definition_and_its_cache_imports() -> None:
    fake = FakeBridge(images={PYTHON: FakeImage()})
    definition = define(hello())
    ref = Bridge(fake).solve(
        definition, cache_imports=[CacheImport("registry", {"ref": "r.io/c"}), CacheImport("gha")]
    )
    assert ref
    assert fake.solves[0].definition == definition
    assert fake.solves[0].cache_imports == (
        CacheImport("registry", {"ref": "r.io/c"}),
        CacheImport("gha"),
    )


def test_solve_of_scratch_is_no_ref_and_no_call() -> None:
    fake = FakeBridge()
    assert Bridge(fake).solve(define(llb.scratch())) is None
    assert fake.log == []


def test_solve_runs_nothing() -> None:
    fake = FakeBridge(images={PYTHON: FakeImage()})
    Bridge(fake).solve(define(hello()))
    assert fake.solver.ran == []


def test_solve_with_evaluate_runs_the_steps() -> None:
    fake = FakeBridge(images={PYTHON: FakeImage()})
    Bridge(fake).solve(define(hello()), evaluate=True)
    assert [run.args for run in fake.solver.ran] == [("echo", "hello")]
    assert fake.solves[0].evaluate
    assert "start Evaluate" not in fake.log


@pytest.mark.parametrize(
    ("missing", "instead"),
    [
        (("gateway.solve.evaluate",), "start Evaluate"),
        (("gateway.solve.evaluate", "gateway.evaluate"), "start StatFile"),
    ],
)
def test_daemons_without_evaluate_are_made_to_run_the_steps(
    missing: tuple[str, ...], instead: str
) -> None:
    fake = FakeBridge(images={PYTHON: FakeImage()}, caps=Abilities().without(*missing))
    Bridge(fake).solve(define(hello()), evaluate=True)
    assert [run.args for run in fake.solver.ran] == [("echo", "hello")]
    assert not fake.solves[0].evaluate
    assert instead in fake.log


def test_evaluate_raises_the_error_of_the_failing_step() -> None:
    def fails(run: Run) -> dict[str, bytes]:
        raise RunFailed(7)

    bridge = Bridge(FakeBridge(images={PYTHON: FakeImage()}, runner=fails))
    ref = solved(bridge, hello())
    with pytest.raises(RpcError, match=r'process "echo hello" .* exit code: 7'):
        bridge.evaluate(ref)


def test_several_calls_are_on_the_wire_at_once() -> None:
    fake = FakeBridge(images={PYTHON: FakeImage()})
    bridge = Bridge(fake)
    ping = bridge.start_ping()
    refs = [bridge.start_solve(define(hello())), bridge.start_solve(define(llb.image(PYTHON)))]
    assert fake.log == ["start Ping", "start Solve", "start Solve"]
    assert [each.result() for each in refs] == [Ref("ref0"), Ref("ref1")]
    assert ping.result().workers


# Resolve


def test_resolve_gives_digest_and_config_for_the_platform() -> None:
    fake = FakeBridge(images={PYTHON: FakeImage({"config": {"Env": ["A=1"]}}, digest="sha256:12")})
    image = Bridge(fake).resolve(PYTHON, platform=llb.Platform.parse("linux/arm/v7"))
    assert image.ref == PYTHON
    assert image.digest == "sha256:12"
    assert image.pinned == f"{PYTHON}@sha256:12"
    assert json.loads(image.config) == {
        "os": "linux",
        "architecture": "arm",
        "variant": "v7",
        "config": {"Env": ["A=1"]},
    }
    assert "start ResolveSourceMeta" in fake.log


def test_resolve_asks_old_daemons_in_the_old_way() -> None:
    fake = FakeBridge(
        images={PYTHON: FakeImage(digest="sha256:12")},
        caps=Abilities().without("source.metaresolver"),
    )
    image = Bridge(fake).resolve(PYTHON, platform=AMD64, log_name="load metadata")
    assert (image.ref, image.digest) == (PYTHON, "sha256:12")
    assert "start ResolveImageConfig" in fake.log
    assert "start ResolveSourceMeta" not in fake.log


def test_a_local_image_without_digest_stays_unpinned() -> None:
    fake = FakeBridge(images={PYTHON: FakeImage(digest="")})
    assert Bridge(fake).resolve(PYTHON, platform=AMD64).pinned == PYTHON


def test_a_reference_with_a_digest_gets_no_second_one() -> None:
    ref = f"{PYTHON}@sha256:{'ab' * 32}"
    fake = FakeBridge(images={PYTHON: FakeImage(digest=f"sha256:{'ab' * 32}")})
    assert Bridge(fake).resolve(ref, platform=AMD64).pinned == ref


def test_a_source_policy_may_name_another_image() -> None:
    mirror = "mirror.example/python:3.12-slim"
    fake = FakeBridge(
        images={mirror: FakeImage(digest="sha256:34")},
        rewrites={PYTHON: f"docker-image://{mirror}"},
    )
    assert Bridge(fake).resolve(PYTHON, platform=AMD64).pinned == f"{mirror}@sha256:34"


def test_a_source_policy_may_name_another_kind_of_source() -> None:
    fake = FakeBridge(rewrites={PYTHON: "https://example.com/base.tar"})
    image = Bridge(fake).resolve(PYTHON, platform=AMD64)
    assert image.pinned == "https://example.com/base.tar"
    assert image.config == b""


def test_an_image_that_is_not_there_is_an_error() -> None:
    with pytest.raises(RpcError, match="not found"):
        Bridge(FakeBridge()).resolve(PYTHON, platform=AMD64)


def test_the_mode_and_the_log_name_are_sent() -> None:
    new = gateway_pb2.ResolveSourceMetaRequest.FromString(
        messages.source_meta_request(
            PYTHON, platform=AMD64, resolve_mode="pull", log_name="load metadata"
        )
    )
    old = gateway_pb2.ResolveImageConfigRequest.FromString(
        messages.image_config_request(
            PYTHON, platform=AMD64, resolve_mode="pull", log_name="load metadata"
        )
    )
    assert new.Source.identifier == f"docker-image://{PYTHON}"
    assert old.Ref == PYTHON
    for each in (new, old):
        assert (each.ResolveMode, each.LogName) == ("pull", "load metadata")
        assert (each.Platform.OS, each.Platform.Architecture) == ("linux", "amd64")


# Inputs


def test_inputs_are_definitions_by_name() -> None:
    given = {"context": define(llb.local("context")), "weights": define(hello())}
    assert Bridge(FakeBridge(inputs=given)).inputs() == given


def test_daemons_that_know_no_inputs_have_none() -> None:
    fake = FakeBridge(caps=Abilities().without("frontend.inputs"))
    assert Bridge(fake).inputs() == {}


def test_inputs_that_cannot_be_told_are_an_error() -> None:
    with pytest.raises(RpcError):
        Bridge(FakeBridge(fail={"Inputs": RpcError(2, "no")})).inputs()


def test_the_head_of_a_file_is_read_alone() -> None:
    fake = FakeBridge(files={"context": {"long": b"0123456789", "short": b"01"}})
    bridge = Bridge(fake)
    ref = solved(bridge, llb.local("context"))
    assert bridge.read_head(ref, "long", 4) == b"0123"
    assert bridge.read_head(ref, "short", 4) == b"01"


# Warn


def test_a_warning_carries_its_lines() -> None:
    fake = FakeBridge()
    bridge = Bridge(fake)
    bridge.warn(
        "sha256:12",
        "Unpinned: torch has no version (line 3)",
        detail=["pin it", "for builds that repeat"],
        url="https://example.com/rules",
        info=llb.SourceInfo("cog.yaml", b"a\nb\nc\n", "YAML"),
        ranges=[llb.Range(llb.Position(3, 2), llb.Position(3, 9))],
    )
    bridge.return_error(Failure(message="stop"))
    (warning,) = fake.warnings
    assert (warning.digest, warning.level) == ("sha256:12", 1)
    assert warning.short == b"Unpinned: torch has no version (line 3)"
    assert list(warning.detail) == [b"pin it", b"for builds that repeat"]
    assert warning.url == "https://example.com/rules"
    assert (warning.info.filename, warning.info.language) == ("cog.yaml", "YAML")
    assert (warning.ranges[0].start.line, warning.ranges[0].end.character) == (3, 9)


def test_daemons_that_show_no_warnings_are_sent_none() -> None:
    fake = FakeBridge(caps=Abilities().without("gateway.warnings"))
    Bridge(fake).warn("sha256:12", "text")
    assert "start Warn" not in fake.log


def test_warnings_are_awaited_before_the_return() -> None:
    fake = FakeBridge()
    bridge = Bridge(fake)
    bridge.warn("sha256:12", "one")
    bridge.warn("sha256:12", "two")
    bridge.return_result(Result())
    assert fake.log[-4:] == ["await Warn", "await Warn", "start Return", "await Return"]


def test_a_warning_that_cannot_be_shown_does_not_fail_the_build() -> None:
    fake = FakeBridge(fail={"Warn": RpcError(2, "no such vertex")})
    bridge = Bridge(fake)
    bridge.warn("sha256:12", "text")
    bridge.return_result(Result())
    assert fake.returned


# Return


def test_a_build_is_returned_with_its_ref_and_metadata() -> None:
    fake = FakeBridge(images={PYTHON: FakeImage(files={"etc/os-release": b"ID=debian"})})
    bridge = Bridge(fake)
    bridge.return_result(single_image(solved(bridge, hello()), b"{}", AMD64))
    assert fake.result.ref.id == "ref0"
    assert fake.result.metadata["containerimage.config"] == b"{}"
    assert fake.tree()["etc/os-release"].data == b"ID=debian"


def test_scratch_is_returned_as_a_ref_without_id() -> None:
    fake = FakeBridge()
    Bridge(fake).return_result(single_image(None, b"{}", AMD64))
    assert fake.result.WhichOneof("result") == "ref"
    assert fake.result.ref.id == ""


def test_refs_are_returned_by_platform() -> None:
    fake = FakeBridge(images={PYTHON: FakeImage()})
    bridge = Bridge(fake)
    refs = {"linux/amd64": solved(bridge, hello()), "linux/arm64": None}
    bridge.return_result(Result(refs=refs, metadata={"refs.platforms": b"{}"}))
    assert {key: each.id for key, each in fake.result.refs.refs.items()} == {
        "linux/amd64": "ref0",
        "linux/arm64": "",
    }


def test_a_statement_about_an_image_is_a_file_of_a_tree_of_its_own() -> None:
    fake = FakeBridge(images={PYTHON: FakeImage(files={"sbom.json": b"{}"})})
    bridge = Bridge(fake)
    stated = Attestation(
        ref=solved(bridge, hello()), path="/sbom.json", predicate_type="https://t", reason="sbom"
    )
    bridge.return_result(Result(ref=stated.ref, attestations={"linux/amd64": (stated,)}))
    (found,) = fake.result.attestations["linux/amd64"].attestation
    assert (found.ref.id, found.path, found.inTotoPredicateType) == (
        "ref0",
        "/sbom.json",
        "https://t",
    )
    assert dict(found.metadata) == {"reason": b"sbom"}
    assert [each.kind for each in found.inTotoSubjects] == [gateway_pb2.Self]


def test_a_daemon_refuses_a_statement_in_a_tree_that_it_does_not_know() -> None:
    stated = Attestation(ref=Ref("unknown"), path="/a", predicate_type="t", reason="sbom")
    with pytest.raises(RpcError, match="return reference unknown not found"):
        Bridge(FakeBridge()).return_result(Result(attestations={"linux/amd64": (stated,)}))


@pytest.mark.parametrize("first", ["result", "error"])
@pytest.mark.parametrize("second", ["result", "error"])
def test_a_build_returns_once(first: str, second: str) -> None:
    fake = FakeBridge()
    bridge = Bridge(fake)
    returns = {
        "result": lambda: bridge.return_result(Result()),
        "error": lambda: bridge.return_error(Failure(message="no")),
    }
    returns[first]()
    with pytest.raises(AlreadyReturned):
        returns[second]()
    assert fake.log.count("start Return") == 1


def test_a_result_that_the_daemon_refuses_may_be_followed_by_the_error() -> None:
    fake = FakeBridge()
    bridge = Bridge(fake)
    with pytest.raises(RpcError, match="return reference never solved not found"):
        bridge.return_result(Result(ref=Ref("never solved")))
    bridge.return_error(Failure(message="internal error"))
    assert fake.error.message == "internal error"


def test_every_error_of_the_daemon_is_raised_by_the_call_that_waits() -> None:
    fake = FakeBridge(fail={"Solve": RpcError(13, "broken", b"status")})
    pending = Bridge(fake).start_solve(define(hello()))
    for _ in range(2):
        with pytest.raises(RpcError) as caught:
            pending.result()
        assert (caught.value.code, caught.value.details) == (13, b"status")
    assert fake.log.count("await Solve") == 1


def test_a_pending_answer_is_received_once() -> None:
    answers = iter(["first", "second"])
    pending = Pending(lambda: next(answers))
    assert pending.result() == pending.result() == "first"
