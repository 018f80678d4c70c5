"""Pieces that answers to subrequests are made of: Go's JSON, and tables for people."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from cog_frontend.errors import Span

Json = dict[str, object]


def place(source: int, span: Span | None) -> Json:
    """Return lines of a source, by its number, as ``pb.Location``; None: no lines of it."""
    if span is None:
        return {"sourceIndex": source, "ranges": []}
    ends = {"start": {"line": span.start_line}, "end": {"line": span.end_line}}
    return {"sourceIndex": source, "ranges": [ends]}


def encoded(data: bytes) -> str:
    """Return bytes as Go's JSON has them."""
    return b64encode(data).decode()


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows as columns that stand below each other, the first row being their names."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "    ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"
