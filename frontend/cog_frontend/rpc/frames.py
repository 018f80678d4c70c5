"""HTTP/2 frames out of bytes, so that h2 gets one at a time and nothing it would trip over.

Three things are decided here instead of in h2:

- A header block may span any number of CONTINUATION frames, up to a size. h2 stops at 64 frames,
  and Go's server cuts header blocks into 16 KiB, so an error with a megabyte of details would
  end the connection. The frames of a block are joined into one HEADERS frame.
- GOAWAY is handed out as a frame like any other: h2 forgets every open stream at the first one,
  while RFC 9113 6.8 lets the calls below its last stream finish.
- Bytes that are no HTTP/2 are refused at the first frame, not after the megabytes that a
  misread length asks for.

Layout: RFC 9113 4.1, 6.2, 6.10.
"""

from __future__ import annotations

from collections.abc import Iterator

from h2.errors import ErrorCodes

HEADERS = 0x1
PUSH_PROMISE = 0x5
SETTINGS = 0x4
GOAWAY = 0x7
CONTINUATION = 0x9

_END_HEADERS = 0x4
_PADDED = 0x8
_HEAD = 9
_MAX_BLOCK = 2**24 - 1  # what the length of one frame can say

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class FrameError(Exception):
    """The bytes break HTTP/2 framing; ``error`` is the HTTP/2 error code to answer with."""

    def __init__(self, message: str, error: ErrorCodes = ErrorCodes.PROTOCOL_ERROR) -> None:
        super().__init__(message)
        self.error = error


class Frame(bytes):
    """All bytes of one frame, its nine-byte head included."""

    __slots__ = ()

    @property
    def kind(self) -> int:
        """The frame type, RFC 9113 6."""
        return self[3]

    @property
    def flags(self) -> int:
        """The flag byte, whose bits depend on the type."""
        return self[4]

    @property
    def stream(self) -> int:
        """The stream, 0 for the connection."""
        return int.from_bytes(self[5:_HEAD]) & 0x7FFFFFFF

    @property
    def payload(self) -> bytes:
        """All that follows the head."""
        return self[_HEAD:]


class FrameReader:
    """Feed it bytes in any cut; iterate whole frames out.

    ``preface`` is what the peer must send first (the client's PREFACE, or b"" from a server),
    ``max_frame`` the longest payload it may send, ``max_block`` the longest header block over all
    its frames. FrameError leaves the reader unusable.
    """

    def __init__(self, *, preface: bytes, max_frame: int, max_block: int) -> None:
        self._buffer = bytearray()
        self._preface = preface
        self._first = True
        self._max_frame = max_frame
        self._max_block = min(max_block, _MAX_BLOCK)
        self._block: list[Frame] = []
        self._block_size = 0

    def receive(self, data: bytes) -> Iterator[Frame]:
        """Take bytes and yield the frames they complete; FrameError where they break a rule."""
        self._buffer += data
        if not self._strip_preface():
            return
        while (frame := self._next()) is not None:
            joined = self._join(frame)
            if joined is not None:
                yield joined

    def _strip_preface(self) -> bool:
        size = min(len(self._preface), len(self._buffer))
        if self._buffer[:size] != self._preface[:size]:
            raise FrameError("the peer does not speak HTTP/2: no connection preface")
        del self._buffer[:size]
        self._preface = self._preface[size:]
        return not self._preface

    def _next(self) -> Frame | None:
        if len(self._buffer) < _HEAD:
            return None
        length = int.from_bytes(self._buffer[:3])
        if self._first and self._buffer[3] != SETTINGS:  # RFC 9113 3.4
            head = bytes(self._buffer[:_HEAD])
            raise FrameError(f"the peer does not speak HTTP/2: it began with {head!r}")
        if length > self._max_frame:
            text = f"the peer sent a frame of {length} bytes, the limit is {self._max_frame}"
            raise FrameError(text, ErrorCodes.FRAME_SIZE_ERROR)
        end = _HEAD + length
        if len(self._buffer) < end:
            return None
        self._first = False
        frame = Frame(self._buffer[:end])
        del self._buffer[:end]
        return frame

    def _join(self, frame: Frame) -> Frame | None:
        """The frame to hand out: this one, a whole header block, or None inside of one."""
        if self._block:
            first = self._block[0]
            if frame.kind != CONTINUATION or frame.stream != first.stream:
                raise FrameError("the peer broke off a header block")
        elif frame.kind not in (HEADERS, PUSH_PROMISE) or frame.flags & _END_HEADERS:
            return frame
        self._block.append(frame)
        # Heads count, or empty CONTINUATION frames would cost the peer nothing for ever.
        self._block_size += len(frame)
        if self._block_size > self._max_block:
            text = f"the peer sent headers of more than {self._max_block} bytes"
            raise FrameError(text, ErrorCodes.ENHANCE_YOUR_CALM)
        if not frame.flags & _END_HEADERS:
            return None
        block, self._block, self._block_size = self._block, [], 0
        return _one_frame(block)


def _one_frame(block: list[Frame]) -> Frame:
    """The first frame of a block, carrying the fragments of all, without padding."""
    first = block[0]
    fragments = [_unpadded(first), *(frame.payload for frame in block[1:])]
    payload = b"".join(fragments)
    flags = (first.flags | _END_HEADERS) & ~_PADDED
    head = len(payload).to_bytes(3) + bytes((first.kind, flags)) + first[5:_HEAD]
    return Frame(head + payload)


def _unpadded(frame: Frame) -> bytes:
    if not frame.flags & _PADDED:
        return frame.payload
    padding = frame[_HEAD] if len(frame) > _HEAD else 0
    if padding + 1 > len(frame.payload):
        raise FrameError("the peer sent a frame with more padding than payload")
    return frame.payload[1 : len(frame.payload) - padding]
