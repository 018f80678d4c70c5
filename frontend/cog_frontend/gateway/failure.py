"""What a failed build returns: a message and the lines of the project it is about.

Clients print the lines of every source above the message. BuildKit carries a source as JSON, the
way Go's ``encoding/json`` writes ``errdefs.Source`` (solver/errdefs/errdefs.proto). Values only.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cog_frontend.errors import Problem, Span

if TYPE_CHECKING:
    from cog_frontend.rpc import RpcError

# google.rpc.Code. Clients print every code but UNKNOWN before the message, once per hop.
UNKNOWN = 2
UNIMPLEMENTED = 12
# Codes of the daemon that buildx turns into exit codes of their own (commands/build.go):
# CANCELLED 130, RESOURCE_EXHAUSTED 102, INTERNAL 100.
KEPT_CODES = frozenset({1, 8, 13})

# How much one failure shows: a terminal holds a few snippets and a hundred lines, and a client
# receives all sources in one header, base64 in base64.
MAX_SOURCES = 5
MAX_LISTED = 100
MAX_SOURCE_BYTES = 1 << 20
# Clients print up to four lines after the marked ones (Source.Print of solver/errdefs).
LINES_AFTER = 4
WHOLE_FILE_BYTES = 64 << 10

LANGUAGES = {".yaml": "YAML", ".yml": "YAML", ".toml": "TOML", ".json": "JSON", ".py": "Python"}


@dataclass(frozen=True, slots=True)
class ErrorSource:
    """Lines of a file that an error is about; ``data`` is the file, at least up to them."""

    filename: str
    data: bytes
    spans: tuple[Span, ...]
    language: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """A typed detail of a status, as ``google.protobuf.Any`` holds it."""

    type_url: str
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why the build failed; clients show ``sources`` in order, above the message.

    ``passthrough`` is the raw ``google.rpc.Status`` of the daemon's own error: its details are
    sent on as they came.
    """

    message: str
    code: int = UNKNOWN
    sources: tuple[ErrorSource, ...] = ()
    details: tuple[Detail, ...] = ()
    passthrough: bytes = b""


def failure_from_problems(problems: Sequence[Problem], files: Mapping[str, bytes]) -> Failure:
    """Return a failure that lists all problems and shows the lines of the first few.

    ``files`` are the contents by name; a problem in a file that is not there, or of a file as a
    whole, is listed without its lines.
    """
    places = _places(problems, files)
    sources = _within_budget(places)
    lines = [str(problem) for problem in problems[:MAX_LISTED]]
    if len(problems) > 1:
        lines.insert(0, f"{len(problems)} problems")
    if len(problems) > MAX_LISTED:
        lines.append(f"({len(problems) - MAX_LISTED} more problems are not listed)")
    if len(places) > len(sources):
        lines.append(f"(the lines of {len(places) - len(sources)} more places are not shown)")
    return Failure(message="\n".join(lines), sources=sources)


def failure_from_rpc(
    error: RpcError, *, prefix: str = "", sources: Sequence[ErrorSource] = ()
) -> Failure:
    """Return the daemon's error as the failure of the build, with all its typed details.

    ``prefix`` says what was being done. Codes that mean nothing to clients become UNKNOWN. A step
    that nobody waited for before the result was returned fails without us, in BuildKit's words.
    """
    return Failure(
        message=f"{prefix}: {error.message}" if prefix else error.message,
        code=error.code if error.code in KEPT_CODES else UNKNOWN,
        sources=tuple(sources),
        passthrough=error.details,
    )


def unsupported_subrequest(name: str) -> Failure:
    """Return the answer to a subrequest that the frontend does not know."""
    return _unsupported(f"unsupported request {name}", "Subrequest", name)


def unsupported_capability(name: str) -> Failure:
    """Return the answer to a capability that the client needs and the frontend lacks."""
    return _unsupported(f"unsupported frontend capability {name}", "FrontendCap", name)


def source_detail(source: ErrorSource) -> Detail:
    """Return a source as ``errdefs.Source``."""
    info = {
        "filename": source.filename,
        "data": b64encode(source.data).decode(),
        "language": source.language,
    }
    ranges = [
        {
            "start": _position(span.start_line, span.start_column - 1),
            "end": _position(span.end_line, span.end_column - 1),
        }
        for span in source.spans
    ]
    return _detail("Source", {"info": _without_zeros(info), "ranges": ranges})


def _unsupported(message: str, kind: str, name: str) -> Failure:
    details = (_detail(kind, {"name": name}),)
    return Failure(message=message, code=UNIMPLEMENTED, details=details)


def _detail(kind: str, document: Mapping[str, object]) -> Detail:
    encoded = json.dumps(_without_zeros(document), separators=(",", ":"))
    return Detail(f"github.com/moby/buildkit/errdefs.{kind}+json", encoded.encode())


def _position(line: int, character: int) -> dict[str, object]:
    """``pb.Position``: lines count from 1, characters from 0."""
    return _without_zeros({"line": line, "character": character})


def _without_zeros(document: Mapping[str, object]) -> dict[str, object]:
    """What ``omitempty`` keeps."""
    return {key: value for key, value in document.items() if value}


def _places(problems: Sequence[Problem], files: Mapping[str, bytes]) -> list[ErrorSource]:
    """One source per place: problems on the same lines share it."""
    places: dict[tuple[str, int, int], ErrorSource] = {}
    for problem in problems:
        span, data = problem.span, files.get(problem.file)
        if span is None or data is None:
            continue
        place = (problem.file, span.start_line, span.end_line)
        language = next((LANGUAGES[end] for end in LANGUAGES if problem.file.endswith(end)), "")
        shown = _up_to(data, span.end_line + LINES_AFTER)
        places.setdefault(place, ErrorSource(problem.file, shown, (span,), language))
    return list(places.values())


def _within_budget(sources: Sequence[ErrorSource]) -> tuple[ErrorSource, ...]:
    kept: list[ErrorSource] = []
    room = MAX_SOURCE_BYTES
    for source in sources:
        if len(kept) < MAX_SOURCES and len(source.data) <= room:
            kept.append(source)
            room -= len(source.data)
    return tuple(kept)


def _up_to(data: bytes, line: int) -> bytes:
    """A small file whole; the head of a large one, through ``line``."""
    if len(data) <= WHOLE_FILE_BYTES:
        return data
    return b"\n".join(data.split(b"\n", line)[:line])
