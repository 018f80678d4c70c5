"""A prediction's events as a stream: Server-Sent Events or lines of JSON.

Names and data of the events are Cog's (``crates/coglet``); it numbers none of them, here each has
its number, and a client that was cut off goes on after the one it has seen last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from litestar.types import Receive, Send

from cog.server.encoding import encode_json
from cog.server.events import Completed, Event, Feed, Logged, Measured, Missed, Output, Started
from cog.server.live import Tracked
from cog.server.negotiate import Form
from cog.server.patience import Impatient, Patience
from cog.server.reply import STALLED

KEEP_ALIVE = 15.0
"""Seconds without an event after which a comment is sent, as in Cog."""

PACE = 0.001
"""Seconds between two pieces of a stream, so that tokens that come faster share one: a piece costs
many times what a token does. Nobody waits for the first token, nor for the end."""

_TYPES: dict[Form, bytes] = {
    "sse": b"text/event-stream; charset=utf-8",
    "ndjson": b"application/x-ndjson",
}
_TRUNCATED = "SSE stream replay truncated; events were dropped"


def describe(event: Event, tracked: Tracked) -> tuple[bytes, bytes]:
    """Return the name of an event and its data as JSON."""
    if isinstance(event, Output):
        return b"output", encode_json({"chunk": event.value, "index": event.position})
    if isinstance(event, Logged):
        return b"log", encode_json({"source": event.stream, "data": event.text})
    if isinstance(event, Measured):
        metric = {"name": event.name, "value": event.value, "mode": event.mode}
        return b"metric", encode_json(metric)
    if isinstance(event, Started):
        return b"start", encode_json({"id": tracked.id, "status": "processing"})
    assert isinstance(event, Completed)
    return b"completed", tracked.document()


def sse(number: int, name: bytes, data: bytes) -> bytes:
    """Return one Server-Sent Event; number 0: it has none."""
    if number:
        return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, name, data)
    return b"event: %b\ndata: %b\n\n" % (name, data)


def line(number: int, name: bytes, data: bytes) -> bytes:
    """Return one event as a line of JSON; number 0: it has none."""
    if number:
        return b'{"id":%d,"event":"%b","data":%b}\n' % (number, name, data)
    return b'{"event":"%b","data":%b}\n' % (name, data)


_ENCODERS: dict[Form, Callable[[int, bytes, bytes], bytes]] = {"sse": sse, "ndjson": line}
_NOTHING_NEW: dict[Form, bytes] = {"sse": b": keep-alive\n\n", "ndjson": b"\n"}


def encode(form: Form, first: int, events: Iterable[Event], tracked: Tracked) -> bytes:
    """Return events as one piece; ``first`` is the number of the first of them."""
    put = _ENCODERS[form]
    return b"".join(
        put(number, *describe(event, tracked)) for number, event in enumerate(events, first)
    )


async def send_events(
    tracked: Tracked, form: Form, after: int, receive: Receive, send: Send
) -> bool:
    """Send all events after number ``after`` until the end; False: the client has gone before."""
    headers = [
        (b"content-type", _TYPES[form]),
        (b"cache-control", b"no-cache, no-transform"),
        (b"x-accel-buffering", b"no"),  # nginx would hold events back otherwise
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    pump = asyncio.ensure_future(_pump(tracked, form, after, send))
    gone = asyncio.ensure_future(disconnected(receive))
    try:
        await asyncio.wait({pump, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        pump.cancel()
    return pump.done() and not pump.cancelled() and pump.result()


async def disconnected(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _pump(tracked: Tracked, form: Form, after: int, send: Send) -> bool:
    try:
        async for piece in _pieces(tracked, form, after):
            with Patience(STALLED):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except Impatient:
        return False
    return True


async def _pieces(tracked: Tracked, form: Form, after: int) -> AsyncIterator[bytes]:
    reader = tracked.feed.follow(after)
    try:
        while not reader.over:
            first = reader.seen + 1
            events = await reader.next(KEEP_ALIVE)
            if events:
                yield encode(form, first, events, tracked)
                if not isinstance(events[-1], Started):
                    await reader.rest(PACE)
            elif not reader.over:
                yield _NOTHING_NEW[form]
    except Missed:
        yield missed(form, tracked.feed, reader.seen)


def missed(form: Form, feed: Feed, seen: int) -> bytes:
    """Return what ends a stream whose reader was too slow or came too late."""
    data = encode_json({"error": _TRUNCATED, "skipped": feed.dropped - seen})
    return _ENCODERS[form](0, b"error", data)
