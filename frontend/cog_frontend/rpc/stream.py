"""One call as a peer sees it: what has come of a message, what is still to be sent.

The sending side goes head -> messages -> end and each is queued before it is sent; the receiving
side only collects.
"""

from __future__ import annotations

from collections import deque

from cog_frontend.rpc.messages import MessageReader

HeaderList = list[tuple[bytes, bytes]]


class Outbox:
    """What waits for the peer's window: header list, bytes in order, then the stream's end."""

    __slots__ = ("_chunks", "head", "size", "trailers")

    def __init__(self) -> None:
        self._chunks: deque[memoryview] = deque()
        self.head: HeaderList | None = None
        self.size = 0
        self.trailers: HeaderList | None = None

    def add(self, data: bytes) -> None:
        """Queue bytes; ValueError after ``end``."""
        if self.trailers is not None:
            raise ValueError("the stream has been ended: no message can follow")
        self._chunks.append(memoryview(data))
        self.size += len(data)

    def end(self, trailers: HeaderList) -> None:
        """Queue the end, with trailers or (an empty list) without; ValueError the second time."""
        if self.trailers is not None:
            raise ValueError("the stream has been ended already")
        self.trailers = trailers

    @property
    def ends_plainly(self) -> bool:
        """True when nothing is left but an end without trailers: a flag on the last frame."""
        return not self.size and self.trailers == []

    def take(self, limit: int) -> memoryview:
        """Remove and return up to ``limit`` bytes of the oldest chunk."""
        chunk = self._chunks.popleft()
        if len(chunk) > limit:
            self._chunks.appendleft(chunk[limit:])
            chunk = chunk[:limit]
        self.size -= len(chunk)
        return chunk


class Stream:
    """State of one call on a connection."""

    __slots__ = ("number", "outbox", "over", "reader", "received_end", "sent_end", "started")

    def __init__(self, number: int, max_message: int) -> None:
        self.number = number
        self.reader = MessageReader(max_message)
        self.outbox = Outbox()
        self.started = False
        """Our header list is queued or sent."""
        self.sent_end = False
        self.received_end = False
        self.over = False
        """The owner hears no more of it; only its end may still have to be sent."""
