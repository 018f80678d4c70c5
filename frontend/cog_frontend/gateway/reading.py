"""How a file of any size is read through messages of limited size: decisions, no I/O."""

from __future__ import annotations

from collections import deque

from cog_frontend.errors import FrontendError

# A daemon sends at most 16 MiB per message (util/grpcutil of BuildKit); before v0.14 it was
# gRPC's default of 4 MiB for what a client accepts. One reply is a chunk and a few bytes around it.
CHUNK_BYTES = 4_000_000
CHUNKS_IN_FLIGHT = 4
# Files that a frontend reads are written by people or list packages; none comes near this.
FILE_LIMIT = 64 << 20

# How Go's os package names ENOENT and ENOTDIR; the daemon sends no other sign of it.
MISSING_TEXTS = ("no such file or directory", "not a directory")


class FileTooLarge(FrontendError):
    """A file of the build is larger than the caller is willing to read."""

    def __init__(self, path: str, limit: int) -> None:
        self.path = path
        self.limit = limit
        super().__init__(f"{path} is larger than {limit} bytes, the most that is read of it")


class Reading:
    """One file on its way: says what to ask for, takes what came, in order.

    ``limit`` is the largest size; one byte more is asked for, which tells that it is exceeded.
    ``size_hint`` is the size where it is known: then chunks are asked for ahead.
    """

    def __init__(self, path: str, *, limit: int, size_hint: int | None, chunk_bytes: int) -> None:
        self.done = False
        self._path = path
        self._limit = limit
        self._size_hint = size_hint or 0
        self._chunk_bytes = chunk_bytes
        self._next = 0
        self._asked: deque[int] = deque()
        self._parts: list[bytes] = []

    @property
    def content(self) -> bytes:
        """What came so far; the file once ``done``."""
        return b"".join(self._parts)

    def wanted(self) -> list[tuple[int, int]]:
        """Return (offset, length) of each chunk to ask for now."""
        new: list[tuple[int, int]] = []
        while not self.done and self._next <= self._limit and self._may_ask():
            length = min(self._chunk_bytes, self._limit + 1 - self._next)
            new.append((self._next, length))
            self._asked.append(length)
            self._next += length
        return new

    def take(self, data: bytes) -> None:
        """Take the reply to the oldest chunk asked for; a short one ends the file.

        Raises ``FileTooLarge``.
        """
        asked = self._asked.popleft()
        if len(data) > asked:
            raise FrontendError(f"{self._path}: {len(data)} bytes came, {asked} were asked for")
        self._parts.append(data)
        self.done = len(data) < asked
        if not self.done and not self._asked and self._next > self._limit:
            raise FileTooLarge(self._path, self._limit)

    def _may_ask(self) -> bool:
        if not self._asked:
            return True
        return len(self._asked) < CHUNKS_IN_FLIGHT and self._next <= self._size_hint


def says_missing(message: str) -> bool:
    """Whether an error message says that there is no such file."""
    return any(text in message for text in MISSING_TEXTS)
