"""Reads HTTP/1.1 replies as they come over a connection: bytes in, whole replies out. No I/O.

As little as a load generator needs, so that it is not what is measured: the status, whether the
body has the text that it should have, and when that text came first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"


class BadReply(Exception):
    """The server does not speak HTTP as it should, or not as we read it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply; ``marks`` counts the marker's occurrences in the body."""

    status: int
    marks: int


class Reader:
    """Feed it what a connection receives; one reply at a time is expected.

    ``marker`` is looked for in the body as it comes. ``began`` says whether it was seen in the
    reply that is being read. A marker that is cut in two by the network is counted once whole.
    """

    def __init__(self, marker: bytes) -> None:
        self._marker = marker
        self._reset()

    def _reset(self) -> None:
        self._head = b""
        self._status = 0
        self._left: int | None = None  # bytes of the body to come; None: chunked
        self._tail = b""  # shorter than a marker, so that none is counted twice
        self._end = b""
        self.began = False
        self._marks = 0

    def feed(self, data: bytes) -> Reply | None:
        """Take bytes; return the reply that they complete. Raises BadReply."""
        if not self._status:
            self._head += data
            end = self._head.find(_END)
            if end < 0:
                return None
            head, data = self._head[: end + 2], self._head[end + 4 :]
            self._head = b""
            self._read_head(head)
        return self._read_body(data)

    def _read_head(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 ") or not head[9:12].isdigit():
            raise BadReply(f"not an HTTP/1.1 reply: {head[:60]!r}")
        self._status = int(head[9:12])
        length = _LENGTH.search(head)
        if length is not None:
            self._left = int(length[1])
        elif _CHUNKED.search(head) is None:
            raise BadReply(f"neither a length nor chunks: {head!r}")

    def _read_body(self, data: bytes) -> Reply | None:
        window = self._tail + data
        self._marks += window.count(self._marker)
        self._tail = window[max(0, len(window) - len(self._marker) + 1) :]
        self.began = self._marks > 0
        if self._left is None:
            self._end = (self._end + data[-len(_LAST_CHUNK) :])[-len(_LAST_CHUNK) :]
            done = self._end == _LAST_CHUNK
        else:
            self._left -= len(data)
            if self._left < 0:
                raise BadReply("more than was announced")
            done = not self._left
        if not done:
            return None
        reply = Reply(self._status, self._marks)
        self._reset()
        return reply
