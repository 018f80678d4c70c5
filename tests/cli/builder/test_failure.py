"""A failed build is told as buildx tells it."""

from __future__ import annotations

import pytest
from google.protobuf.any_pb2 import Any

from cog_cli.builder.failure import build_failure
from cog_frontend.errors import Span
from cog_frontend.gateway.failure import ErrorSource, source_detail
from cog_frontend.gateway.pb.status_pb2 import Status
from cog_frontend.rpc import RpcError

TEN = "".join(f"line {number}\n" for number in range(1, 11)).encode()


def error(*sources: ErrorSource) -> RpcError:
    status = Status(code=2, message="it failed")
    for each in sources:
        detail = source_detail(each)
        status.details.append(Any(type_url=detail.type_url, value=detail.value))
    return RpcError(2, "it failed", status.SerializeToString())


def source(start: int, end: int, data: bytes = TEN, name: str = "cog.yaml") -> ErrorSource:
    return ErrorSource(name, data, (Span(start, end),))


def marked(snippet: str) -> list[str]:
    return [line for line in snippet.splitlines() if ">>>" in line]


def test_one_line_is_shown_among_its_neighbours() -> None:
    (snippet,) = build_failure(error(source(5, 5))).snippets
    assert snippet.splitlines() == [
        "cog.yaml:5",
        "--------------------",
        "   3 |     line 3",
        "   4 |     line 4",
        "   5 | >>> line 5",
        "   6 |     line 6",
        "   7 |     line 7",
        "--------------------",
    ]


@pytest.mark.parametrize(
    ("start", "end", "first", "last"), [(1, 1, 1, 3), (10, 11, 9, 11), (4, 6, 3, 7), (2, 99, 1, 11)]
)
def test_the_ends_of_a_file(start: int, end: int, first: int, last: int) -> None:
    (snippet,) = build_failure(error(source(start, end))).snippets
    numbers = [int(line.split("|")[0]) for line in snippet.splitlines() if "|" in line]
    assert (numbers[0], numbers[-1]) == (first, last)
    assert len(marked(snippet)) == min(end, 11) - start + 1


def test_the_source_that_was_added_last_comes_first() -> None:
    found = build_failure(error(source(1, 1, name="inner"), source(2, 2, name="outer")))
    assert [each.splitlines()[0] for each in found.snippets] == ["outer:2", "inner:1"]
    assert found.message == "failed to solve: it failed"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("errdefs.Source+json", b"no json"),
        ("errdefs.Source+json", b"[]"),
        ("errdefs.Source+json", b"{}"),
        ("errdefs.Source+json", b'{"info":{"data":"%"},"ranges":[{"start":{"line":1}}]}'),
        ("errdefs.Source+json", b'{"info":{"data":"YQ=="},"ranges":[{"start":{"line":9}}]}'),
        ("errdefs.Vertex+json", b"{}"),
    ],
)
def test_details_that_say_nothing_are_left_out(kind: str, value: bytes) -> None:
    status = Status(details=[Any(type_url=f"github.com/moby/buildkit/{kind}", value=value)])
    assert build_failure(RpcError(2, "m", status.SerializeToString())).snippets == ()


def test_details_that_cannot_be_read_do_not_hide_the_message() -> None:
    assert build_failure(RpcError(2, "m", b"\xff\xff")).message == "failed to solve: m"
