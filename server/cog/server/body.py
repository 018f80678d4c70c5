"""Reads request bodies: bounded in size, in time, and in what all of them hold together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from litestar.types import Receive

from cog.server.patience import Impatient, Patience
from cog.server.request import MAX_BODY, BadRequest

IDLE = 30.0
"""Seconds of silence in the middle of a body."""

SLOWEST = 64 * 1024
"""Bytes a second that a body has to come with, after `IDLE` seconds of grace."""

MAX_HELD = 1024 * 1024 * 1024
"""Bytes of unfinished bodies in memory at a time, of all requests together."""

TOO_LARGE = "Failed to buffer the request body: length limit exceeded"
_TOO_SLOW = "The request body did not come in time"


class ClientGone(Exception):
    """The client has closed the connection: there is nobody to answer."""


class Overloaded(Exception):
    """Too many bodies are on their way at a time; the client can come back."""


class Intake:
    """Reads bodies for all requests; see the module's rule."""

    def __init__(self, max_held: int = MAX_HELD) -> None:
        self._room = max_held

    async def read(self, receive: Receive, announced: bytes | None) -> bytes:
        """Return a body of at most `MAX_BODY` bytes.

        ``announced`` is its Content-Length. Raises BadRequest (413, 408), Overloaded, ClientGone.
        """
        length = length_of(announced)
        if length is not None and length > MAX_BODY:
            raise BadRequest(413, TOO_LARGE)
        if length == 0:
            return b""
        part, more = await _part(receive)
        if len(part) > MAX_BODY:
            raise BadRequest(413, TOO_LARGE)
        if not more or len(part) == length:
            return part  # nearly every body comes in one piece
        return await self._rest(part, receive, length)

    async def _rest(self, first: bytes, receive: Receive, length: int | None) -> bytes:
        self._room -= len(first)
        held = len(first)
        parts = [first]
        try:
            async for part in chunks(receive, length, MAX_BODY, held):
                self._room -= len(part)
                held += len(part)
                if self._room < 0:
                    raise Overloaded("too many large requests are arriving at a time")
                parts.append(part)
        finally:
            self._room += held
        return b"".join(parts)


def length_of(announced: bytes | None) -> int | None:
    """Return what Content-Length says; None: it does not."""
    return int(announced) if announced is not None and announced.isdigit() else None


async def _part(receive: Receive) -> tuple[bytes, bool]:
    """Return the next part of a body and whether more may come."""
    try:
        with Patience(IDLE):
            message = await receive()
    except Impatient as error:
        raise BadRequest(408, _TOO_SLOW) from error
    if message["type"] != "http.request":
        raise ClientGone
    return message["body"], message["more_body"]


async def chunks(
    receive: Receive, length: int | None, limit: int, size: int = 0
) -> AsyncIterator[bytes]:
    """Iterate over the parts of a body as they come, after the first ``size`` bytes.

    Raises BadRequest 413 above ``limit`` bytes, 408 where it comes too slowly; ClientGone.
    """
    loop = asyncio.get_running_loop()
    began, more = loop.time(), length != size
    while more:
        part, more = await _part(receive)
        size += len(part)
        if size > limit:
            raise BadRequest(413, TOO_LARGE)
        # The last message may be empty and a round trip away: what was announced is enough.
        more = more and size != length
        if more and loop.time() - began > IDLE + size / SLOWEST:
            raise BadRequest(408, _TOO_SLOW)
        yield part
