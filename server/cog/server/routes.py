"""The prediction routes: between HTTP and the service, nothing else.

They are plain ASGI handlers in the Litestar application: they need the body as it comes (its limit,
its content type, Cog's answers to bad ones) and the client's disconnect, and an ordinary handler's
argument machinery costs as much again as all the rest of a request.
"""

from __future__ import annotations

import asyncio
from typing import cast

from litestar import asgi
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send

from cog.server.live import Terms, Tracked
from cog.server.request import MAX_BODY, MAX_ECHO, BadRequest, parse_request
from cog.server.service import Service

_TOO_LARGE = "Failed to buffer the request body: length limit exceeded"


class _ClientGone(Exception):
    """The client has closed the connection: there is nobody to answer."""


def prediction_route(service: Service, path: str) -> ASGIRouteHandler:
    """Return the handler of ``POST path``: take a prediction, answer when it has ended."""

    @asgi(path, copy_scope=True)
    async def create(scope: Scope, receive: Receive, send: Send) -> None:
        request = cast("HTTPScope", scope)
        if request["method"] != "POST":
            raise MethodNotAllowedException(headers={"allow": "POST"})
        content_type = _header(request, b"content-type")
        try:
            body = await _read_body(receive, _header(request, b"content-length"))
            asked = parse_request(content_type, body)
            terms = Terms(echo=len(body) <= MAX_ECHO, size=len(body))
            live, _ = await service.submit(asked, terms)
            await _until_ended(service, live, receive)
        except _ClientGone:
            return
        await _send_json(send, live.document())

    return create


def _header(scope: HTTPScope, name: bytes) -> str | None:
    found = next((value for key, value in scope["headers"] if key == name), None)
    return None if found is None else found.decode("latin-1")


async def _read_body(receive: Receive, announced: str | None) -> bytes:
    length = int(announced) if announced is not None and announced.isdecimal() else None
    if length is not None and length > MAX_BODY:
        raise BadRequest(413, _TOO_LARGE)
    parts, size, more = [], 0, length != 0
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _ClientGone
        parts.append(message["body"])
        size += len(message["body"])
        if size > MAX_BODY:
            raise BadRequest(413, _TOO_LARGE)
        # The last message may be empty and a round trip away: what was announced is enough.
        more = message["more_body"] and size != length
    return b"".join(parts)


async def _until_ended(service: Service, live: Tracked, receive: Receive) -> None:
    gone = asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait({live.ended, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not live.ended.done():
            service.cancel_live(live.id)
    if not live.ended.done():
        raise _ClientGone


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_json(send: Send, body: bytes, status: int = 200) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
