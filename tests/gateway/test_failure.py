"""Errors with the lines of the project that they are about."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from google.protobuf.any_pb2 import Any
from hypothesis import given
from hypothesis import strategies as st

import buildkit_llb as llb
from cog_frontend.errors import Problem, Span
from cog_frontend.gateway import (
    Bridge,
    ErrorSource,
    Failure,
    failure_from_problems,
    failure_from_rpc,
    unsupported_capability,
    unsupported_subrequest,
)
from cog_frontend.gateway.failure import MAX_LISTED, MAX_SOURCE_BYTES, MAX_SOURCES, source_detail
from cog_frontend.gateway.messages import MAX_MESSAGE_CHARS, MAX_STATUS_BYTES
from cog_frontend.gateway.pb import status_pb2
from cog_frontend.rpc import RpcError
from tests.fakes.bridge import FakeBridge, FakeImage
from tests.fakes.solver import Run, RunFailed

YAML = b"build:\n  python_versoin: '3.12'\n  gpu: yes\npredict: predict.py:Predictor\n"
TYPO = Problem(
    message="build.python_versoin: unknown key",
    hint="did you mean 'python_version'?",
    span=Span(2, 2, 3, 16),
)
GPU = Problem(message="build.gpu: expected true or false, got 'yes'", span=Span(3, 3, 8, 10))

words = st.text(st.characters(), max_size=30)  # any character, halves of pairs included
spans = st.builds(
    Span,
    *[st.integers(1, 10**6)] * 2,
    start_column=st.integers(1, 999),
    end_column=st.integers(1, 999),
)


def returned(failure: Failure) -> status_pb2.Status:
    fake = FakeBridge()
    Bridge(fake).return_error(failure)
    return fake.error


def shown(status: status_pb2.Status) -> list[dict[str, object]]:
    """The sources in the order in which clients print them: from the last detail to the first."""
    sources = [each for each in status.details if each.type_url.endswith("errdefs.Source+json")]
    return [json.loads(each.value) for each in reversed(sources)]


# Sources


def test_a_source_is_written_as_go_writes_the_struct() -> None:
    source = ErrorSource("cog.yaml", b"a: 1\n", (Span(1, 2, 3, 5),), "YAML")
    detail = source_detail(source)
    assert detail.type_url == "github.com/moby/buildkit/errdefs.Source+json"
    assert detail.value == (
        b'{"info":{"filename":"cog.yaml","data":"YTogMQo=","language":"YAML"},'
        b'"ranges":[{"start":{"line":1,"character":2},"end":{"line":2,"character":4}}]}'
    )


def test_zero_values_are_left_out_as_go_does() -> None:
    detail = source_detail(ErrorSource("x", b"", (Span(4, 4),)))
    assert detail.value == (
        b'{"info":{"filename":"x"},"ranges":[{"start":{"line":4},"end":{"line":4}}]}'
    )


@given(filename=words, data=st.binary(max_size=200), language=words, places=st.lists(spans))
def test_any_source_survives_its_json(
    filename: str, data: bytes, language: str, places: list[Span]
) -> None:
    detail = source_detail(ErrorSource(filename, data, tuple(places), language))
    document = json.loads(detail.value.decode("ascii"))
    info = document.get("info", {})
    assert info.get("filename", "") == filename
    assert b64decode(info.get("data", "")) == data
    assert info.get("language", "") == language
    lines = [(each["start"]["line"], each["end"]["line"]) for each in document.get("ranges", ())]
    assert lines == [(each.start_line, each.end_line) for each in places]


# Problems


def test_one_problem_is_the_message_and_its_lines_the_source() -> None:
    status = returned(failure_from_problems([TYPO], {"cog.yaml": YAML}))
    assert status.code == 2
    assert status.message == (
        "cog.yaml:2:3: build.python_versoin: unknown key (did you mean 'python_version'?)"
    )
    (source,) = shown(status)
    info = source["info"]
    assert isinstance(info, dict)
    assert info["filename"] == "cog.yaml"
    assert info["language"] == "YAML"
    assert b64decode(info["data"]) == YAML
    assert source["ranges"] == [
        {"start": {"line": 2, "character": 2}, "end": {"line": 2, "character": 15}}
    ]


def test_all_problems_are_listed_each_with_its_source() -> None:
    requirements = Problem(
        message="torch: no such version", file="requirements.txt", span=Span(1, 1)
    )
    files = {"cog.yaml": YAML, "requirements.txt": b"torch==99\n"}
    status = returned(failure_from_problems([TYPO, GPU, requirements], files))
    assert status.message.splitlines() == [
        "3 problems",
        str(TYPO),
        str(GPU),
        "requirements.txt:1:1: torch: no such version",
    ]
    names = [source["info"] for source in shown(status)]
    assert [each["filename"] for each in names if isinstance(each, dict)] == [
        "cog.yaml",
        "cog.yaml",
        "requirements.txt",
    ]


def test_a_problem_without_lines_or_without_file_has_no_source() -> None:
    whole = Problem(message="predict is missing")
    elsewhere = Problem(message="cannot be read", file="pylock.toml", span=Span(1, 1))
    failure = failure_from_problems([whole, elsewhere], {"cog.yaml": YAML})
    assert failure.sources == ()
    assert "predict is missing" in failure.message
    assert "pylock.toml:1:1: cannot be read" in failure.message


def test_problems_on_the_same_lines_share_a_source() -> None:
    again = Problem(message="another thing", span=TYPO.span)
    assert len(failure_from_problems([TYPO, again], {"cog.yaml": YAML}).sources) == 1


def test_only_the_first_few_places_are_shown_and_the_rest_counted() -> None:
    problems = [Problem(message="bad", span=Span(line, line)) for line in range(1, 13)]
    failure = failure_from_problems(problems, {"cog.yaml": b"x\n" * 20})
    assert len(failure.sources) == MAX_SOURCES
    assert failure.message.count("bad") == 12
    assert failure.message.endswith(f"(the lines of {12 - MAX_SOURCES} more places are not shown)")


def test_a_flood_of_problems_is_cut_and_counted() -> None:
    problems = [Problem(message=f"bad {number}.") for number in range(MAX_LISTED + 5)]
    message = failure_from_problems(problems, {}).message
    assert message.startswith(f"{MAX_LISTED + 5} problems\n")
    assert f"bad {MAX_LISTED - 1}." in message
    assert f"bad {MAX_LISTED}." not in message
    assert message.endswith("(5 more problems are not listed)")


def test_of_a_large_file_only_the_head_travels() -> None:
    lines = [f"package-{number}==1.0" for number in range(20_000)]
    data = "\n".join(lines).encode()
    problem = Problem(message="bad", file="requirements.txt", span=Span(50, 51))
    (source,) = failure_from_problems([problem], {"requirements.txt": data}).sources
    assert source.data.decode().split("\n") == lines[:55]


def test_a_file_that_is_too_large_to_show_is_still_named() -> None:
    data = b"x" * (MAX_SOURCE_BYTES + 1)
    failure = failure_from_problems([TYPO], {"cog.yaml": data})
    assert failure.sources == ()
    assert failure.message.startswith("cog.yaml:2:3: ")


@given(message=words, hint=words)
def test_any_text_can_be_returned(message: str, hint: str) -> None:
    problem = Problem(message=message, hint=hint, span=Span(1, 1))
    status = returned(failure_from_problems([problem], {"cog.yaml": b""}))
    assert status.message.startswith("cog.yaml:1:1: ")


# Errors of the daemon


def test_the_details_of_a_daemon_error_survive_verbatim() -> None:
    details = [
        Any(type_url="github.com/moby/buildkit/errdefs.Vertex+json", value=b'{"digest":"x"}'),
        Any(type_url="github.com/moby/buildkit/stack.Stack+json", value=b"\x00 no json"),
        Any(type_url="type.googleapis.com/unknown.Thing", value=bytes(range(256))),
    ]
    raw = status_pb2.Status(code=2, message="process failed", details=details)
    error = RpcError(2, "process failed", raw.SerializeToString())
    source = ErrorSource("cog.yaml", YAML, (Span(2, 2),))
    status = returned(failure_from_rpc(error, prefix="installing packages", sources=[source]))
    assert status.message == "installing packages: process failed"
    assert list(status.details[:3]) == details
    assert status.details[3].type_url.endswith("errdefs.Source+json")


def test_a_failing_step_returned_keeps_its_lines() -> None:
    def fails(run: Run) -> dict[str, bytes]:
        raise RunFailed(1)

    fake = FakeBridge(images={"docker.io/library/python:3.12": FakeImage()}, runner=fails)
    bridge = Bridge(fake)
    info = llb.SourceInfo("cog.yaml", YAML, "YAML")
    place = llb.Location(info, (llb.Range(llb.Position(3), llb.Position(3)),))
    step = llb.image("python:3.12").run(
        ["false"], metadata=llb.Metadata(name="run false", locations=(place,))
    )
    ref = bridge.solve(llb.marshal(step.root, platform=llb.Platform.parse("linux/amd64")))
    assert ref
    with pytest.raises(RpcError) as caught:
        bridge.evaluate(ref)
    bridge.return_error(failure_from_rpc(caught.value))
    assert fake.error.message == 'process "false" did not complete successfully: exit code: 1'
    (source,) = shown(fake.error)
    assert source["ranges"] == [{"start": {"line": 3}, "end": {"line": 3}}]


@pytest.mark.parametrize(("code", "kept"), [(1, 1), (8, 8), (13, 13), (0, 2), (2, 2), (5, 2)])
def test_only_codes_that_clients_act_on_are_kept(code: int, kept: int) -> None:
    assert failure_from_rpc(RpcError(code, "text")).code == kept


def test_details_that_are_no_status_do_not_hide_the_message() -> None:
    status = returned(failure_from_rpc(RpcError(2, "text", b"\xff\xff\xff")))
    assert (status.message, len(status.details)) == ("text", 0)


def test_the_largest_details_give_way_when_the_error_would_not_fit_a_message() -> None:
    details = [
        Any(type_url="a", value=b"first"),
        Any(type_url="b", value=bytes(MAX_STATUS_BYTES)),
        Any(type_url="c", value=b"last"),
    ]
    raw = status_pb2.Status(message="x", details=details).SerializeToString()
    status = returned(failure_from_rpc(RpcError(2, "y" * (MAX_MESSAGE_CHARS + 1), raw)))
    assert [each.type_url for each in status.details] == ["a", "c"]
    assert len(status.message) == MAX_MESSAGE_CHARS


# What the frontend does not know


def test_an_unknown_subrequest_is_unimplemented_and_names_it() -> None:
    status = returned(unsupported_subrequest("frontend.subrequests.other"))
    assert status.code == 12
    assert status.message == "unsupported request frontend.subrequests.other"
    assert status.details[0].type_url == "github.com/moby/buildkit/errdefs.Subrequest+json"
    assert json.loads(status.details[0].value) == {"name": "frontend.subrequests.other"}


def test_an_unknown_capability_is_unimplemented_and_names_it() -> None:
    status = returned(unsupported_capability("moby.buildkit.frontend.other"))
    assert status.code == 12
    assert status.details[0].type_url == "github.com/moby/buildkit/errdefs.FrontendCap+json"
    assert json.loads(status.details[0].value) == {"name": "moby.buildkit.frontend.other"}
