"""Two file descriptors as one byte stream: blocking for the caller, never stuck on either side.

Both are made non-blocking, so a full pipe one way cannot stop reading the other way.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable

_READ_SIZE = 256 * 1024


class Duplex:
    """Owns the descriptors (equal for a socket) until ``close``."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._pending = memoryview(b"")
        self._writable = True
        # Other processes may share the descriptors and rely on blocking ones: remember.
        self._blocking = {fd: os.get_blocking(fd) for fd in (read_fd, write_fd)}
        for fd in self._blocking:
            os.set_blocking(fd, False)

    def push(self, source: Callable[[], bytes]) -> None:
        """Write what ``source`` yields until it yields b"" or the other side takes no more.

        What was taken from ``source`` and not written goes first the next time.
        """
        while self._writable:
            if not self._pending:
                self._pending = memoryview(source())
            if not self._pending:
                return
            try:
                written = os.write(self._write_fd, self._pending)
            except BlockingIOError:
                return
            except (BrokenPipeError, ConnectionResetError):
                self._writable = False
                return
            self._pending = self._pending[written:]

    def wait(self, timeout: float | None) -> bytes | None:
        """Wait until bytes can move, at most ``timeout`` seconds (None: for ever), and read.

        Returns what was read, b"" when the other side is gone and all it sent has been read, None
        when there was nothing to read yet.
        """
        self._poll(timeout)
        try:
            return os.read(self._read_fd, _READ_SIZE)
        except BlockingIOError:
            # A side that has stopped reading is gone, even where a copy of its other descriptor
            # lives on in some process and keeps us from seeing the end.
            return None if self._writable else b""
        except ConnectionResetError:
            return b""

    def _poll(self, timeout: float | None) -> None:
        if not self._writable:
            return
        wanted = select.POLLOUT if self._pending else 0
        poll = select.poll()
        if self._read_fd == self._write_fd:
            poll.register(self._read_fd, select.POLLIN | wanted)
        else:
            poll.register(self._read_fd, select.POLLIN)
            poll.register(self._write_fd, wanted)
        ready = dict(poll.poll(None if timeout is None else timeout * 1000))
        if ready.get(self._write_fd, 0) & select.POLLERR:
            self._writable = False

    def close(self) -> None:
        """Close the descriptors, blocking or not as they were; a second time does nothing."""
        blocking, self._blocking = self._blocking, {}
        for fd, was_blocking in blocking.items():
            os.set_blocking(fd, was_blocking)
            os.close(fd)
