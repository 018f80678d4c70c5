"""A failed build as buildx tells it: the lines that it is about, then the message. Text only."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from cog_frontend.gateway.pb.status_pb2 import Status
from cog_frontend.rpc import RpcError

# The daemon's code for a cancelled build.
CANCELLED = 1


@dataclass(frozen=True, slots=True)
class BuildFailure:
    """Why a build failed: ``snippets`` are the lines it is about, ready to be shown."""

    message: str
    snippets: tuple[str, ...] = ()


def build_failure(error: RpcError) -> BuildFailure:
    """Read the daemon's error."""
    sources = [_document(value) for kind, value in _details(error) if kind == "Source"]
    # The detail that was added last comes last and is nearest to the person.
    snippets = (_snippet(each) for each in reversed(sources))
    return BuildFailure(f"failed to solve: {error.message}", tuple(filter(None, snippets)))


def _details(error: RpcError) -> Iterable[tuple[str, bytes]]:
    try:
        details = Status.FromString(error.details).details
    except DecodeError:
        return []
    return [(_kind(each.type_url), each.value) for each in details]


def _kind(url: str) -> str:
    return url.rpartition(".")[2].removesuffix("+json")


def _document(value: bytes) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _snippet(source: dict[str, Any]) -> str:
    """The lines of a source as buildx prints them (BuildKit, ``errdefs.Source.Print``)."""
    info = source.get("info") or {}
    try:
        data = base64.b64decode(info.get("data") or "", validate=True).decode(errors="replace")
    except ValueError:
        return ""
    lines = data.split("\n")
    ranges = [
        (_line(each.get("start")), _line(each.get("end"))) for each in source.get("ranges") or ()
    ]
    if not ranges:
        return ""
    start, end = min(first for first, _ in ranges), max(last for _, last in ranges)
    if not 1 <= start <= len(lines):
        return ""
    end = min(max(end, start), len(lines))
    first, last = _around(start, end, len(lines))
    shown = [
        f" {number:3d} | {_mark(number, ranges)} {lines[number - 1]}"
        for number in range(first, last + 1)
    ]
    rule = "-" * 20
    return "\n".join([f"{info.get('filename', '')}:{start}", rule, *shown, rule])


def _line(position: dict[str, Any] | None) -> int:
    return int((position or {}).get("line", 0))


def _mark(number: int, ranges: list[tuple[int, int]]) -> str:
    return ">>>" if any(first <= number <= last for first, last in ranges) else "   "


def _around(start: int, end: int, count: int) -> tuple[int, int]:
    """Some lines before and after, more of them where one line is meant."""
    pad = 4 if start == end else 2
    given = 0
    while given < pad:
        if start > 1:
            start, given = start - 1, given + 1
        if end != count:
            end, given = end + 1, given + 1
        given += 1
    return start, end
