"""Answers as values, and the one place where they are put on the wire."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from litestar.types import Send

from cog.server.encoding import encode_json
from cog.server.patience import Patience

Headers = tuple[tuple[bytes, bytes], ...]

JSON = b"application/json"

# Nothing here is ever to be taken for a page, whatever a model has put into it.
_ALWAYS: Headers = ((b"x-content-type-options", b"nosniff"),)


STALLED = 30.0
"""Seconds that a client may take nothing of an answer before it is let go."""

_WHOLE = 2 * 1024 * 1024
_PIECE = 256 * 1024
"""Bytes: larger answers go in pieces, so that a client that does not read cannot keep them here.

A value of 1 MiB in its document is to go whole: pieces take a third of the CPU time of such an
answer.
"""


class Reply(NamedTuple):
    """One whole answer."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()


def json_reply(content: object, status: int = 200, headers: Headers = ()) -> Reply:
    """Return an answer of JSON."""
    return Reply(status, encode_json(content), JSON, headers)


def text_reply(text: str, status: int) -> Reply:
    """Return an answer of plain text, as Cog refuses bodies."""
    return Reply(status, text.encode("utf-8", "replace"), b"text/plain; charset=utf-8")


def problem(status: int, detail: str, headers: Headers = ()) -> Reply:
    """Return a problem document (RFC 9457)."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return Reply(status, encode_json(content), b"application/problem+json", headers)


def head_of(reply: Reply) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer."""
    return [
        (b"content-type", reply.content_type),
        (b"content-length", b"%d" % len(reply.body)),
        *_ALWAYS,
        *reply.headers,
    ]


async def send_reply(send: Send, reply: Reply, *, with_body: bool = True) -> None:
    """Send an answer; without its body for HEAD."""
    await send({"type": "http.response.start", "status": reply.status, "headers": head_of(reply)})
    body = reply.body if with_body else b""
    if len(body) > _WHOLE:
        body = await _send_pieces(send, body)
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _send_pieces(send: Send, body: bytes) -> bytes:
    """Send all but the last piece, which is returned; raises Impatient."""
    last = (len(body) - 1) // _PIECE * _PIECE
    for start in range(0, last, _PIECE):
        piece = body[start : start + _PIECE]
        with Patience(STALLED):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    return body[last:]
