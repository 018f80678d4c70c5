"""Everything that is printed, whoever prints it: Python, C code, subprocesses.

File descriptors 1 and 2 are pipes that a thread reads; `sys.stdout` and `sys.stderr` are replaced
by writers that know in which prediction's context they are called. What was in a pipe before a line
is printed goes out before it, so the order is the one in which things happened.
"""

from __future__ import annotations

import ctypes
import fcntl
import io
import os
import select
import sys
import threading
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from cog import wire
from cog.worker.lines import Lines
from cog.worker.runs import STREAMS, Runs

if TYPE_CHECKING:
    from types import FrameType

    from _typeshed import ReadableBuffer

FDS: dict[wire.Stream, int] = {"stdout": 1, "stderr": 2}

PIPE_SIZE = 1024 * 1024
"""Bytes a pipe holds: what C code can print while it keeps Python's lock and nobody reads."""

_READ = 256 * 1024


class Capture:
    """The pipes; ``shield`` is held while the model's own thread is in here."""

    def __init__(
        self, runs: Runs, shield: AbstractContextManager[None], read_fds: dict[wire.Stream, int]
    ) -> None:
        self.shield = shield
        self._runs = runs
        self._streams = {fd: stream for stream, fd in read_fds.items()}
        # Two, since one cannot be used by two threads at a time.
        self._poll, self._wait = select.poll(), select.poll()
        for fd in self._streams:
            os.set_blocking(fd, False)
            self._poll.register(fd, select.POLLIN)
            self._wait.register(fd, select.POLLIN)
        self._c_streams = _CStreams()
        self._child: dict[wire.Stream, Lines] = {}

    def start(self) -> None:
        """Replace `sys.stdout` and `sys.stderr` and begin to read the pipes."""
        for stream in STREAMS:
            # On a raw stream, as under python -u: nothing may be held back.
            writer = _Writer(self, stream)
            text = io.TextIOWrapper(
                writer, encoding="utf-8", errors="backslashreplace", write_through=True
            )
            setattr(sys, stream, text)
            # Libraries that avoid a redirected sys.stdout use this one; it would hold text back.
            setattr(sys, f"__{stream}__", text)
        self._c_streams.line_buffer()
        threading.Thread(target=self._run, name="cog-capture", daemon=True).start()

    def drain(self) -> None:
        """Pass on what is in the pipes now, and no more: a program may print without end."""
        with self._runs.section:
            left = PIPE_SIZE
            while left > 0 and self._streams and (ready := self._poll.poll(0)):
                left -= max(self._read(fd) for fd, _event in ready)

    def settle(self) -> None:
        """Pass on what this process still holds back, and what is in the pipes."""
        if self._child:
            return
        self._c_streams.flush()
        self.drain()

    def detach(self) -> None:
        """Let prints in this process, a fork of the worker, go to its pipes line by line."""
        self._child = {stream: Lines() for stream in STREAMS}

    def printed(self, stream: wire.Stream, data: bytes) -> None:
        """Take what Python code of this process prints."""
        if self._child:
            _write_all(FDS[stream], self._child[stream].feed(data))
            return
        with self.shield, self._runs.section:
            if b"\n" in data:
                self.drain()
            self._runs.printed(stream, data, interrupts=_interrupts())

    def flushed(self, stream: wire.Stream) -> None:
        """Pass on an unfinished line, since its writer asked for it."""
        if self._child:
            _write_all(FDS[stream], self._child[stream].flush())
            return
        with self.shield:
            self._runs.flushed(stream, interrupts=_interrupts())

    def _run(self) -> None:
        while self._streams:
            self._wait.poll()
            self.drain()

    def _read(self, fd: int) -> int:
        try:
            data = os.read(fd, _READ)
        except BlockingIOError:
            return 0
        if data:
            self._runs.written(self._streams[fd], data)
        else:
            # The model's code has closed descriptor 1 or 2 and nothing else holds it.
            self._poll.unregister(fd)
            self._wait.unregister(fd)
            del self._streams[fd]
        return len(data)


class _Writer(io.RawIOBase):
    """What lies under `sys.stdout` or `sys.stderr`."""

    def __init__(self, capture: Capture, stream: wire.Stream) -> None:
        super().__init__()
        self._capture = capture
        self._stream = stream
        self.name = f"<{stream}>"
        self.mode = "wb"

    def write(self, data: ReadableBuffer, /) -> int:
        """Take all of it."""
        content = bytes(data)
        self._capture.printed(self._stream, content)
        return len(content)

    def flush(self) -> None:
        """Pass on an unfinished line."""
        self._capture.flushed(self._stream)

    def close(self) -> None:
        """Flush only: a library that closes `sys.stdout` must not silence the model."""
        self.flush()

    def writable(self) -> bool:
        """Say yes."""
        return True

    def fileno(self) -> int:
        """Return the real descriptor, for subprocesses and C code."""
        return FDS[self._stream]


_FAR = 64
"""Frames from a finaliser or signal handler to what it prints; nobody's are as deep."""


def _interrupts() -> bool:
    """Say whether this thread prints in the middle of a print of its own.

    `print` writes a line and its end apart, and Python runs finalisers and signal handlers as the
    second of them enters `_Writer.write`, before any line of it could note that.
    """
    frame: FrameType | None = sys._getframe(1)
    seen = 0
    for _ in range(_FAR):
        if frame is None:
            return False
        seen += frame.f_code in _WRITES
        if seen > 1:
            return True
        frame = frame.f_back
    return False


_WRITES = (_Writer.write.__code__, _Writer.flush.__code__)


def redirect() -> dict[wire.Stream, int]:
    """Put pipes on descriptors 1 and 2 and return their reading ends."""
    read_fds: dict[wire.Stream, int] = {}
    for stream, fd in FDS.items():
        read_fds[stream], write_fd = os.pipe()
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            # Refused where the user's share of pipe memory is spent (pipe(7)): the usual size then.
            with suppress(OSError):
                fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        os.dup2(write_fd, fd)
        os.close(write_fd)
    return read_fds


def _write_all(fd: int, text: str) -> None:
    view = memoryview(text.encode())
    while view:
        view = view[os.write(fd, view) :]


_IOLBF = 1


class _CStreams:
    """C's own ``stdout`` and ``stderr``; none where Python has no dynamic C library.

    Then its C code shares no stdio with us either.
    """

    def __init__(self) -> None:
        self._streams: list[ctypes.c_void_p] = []
        try:
            self._libc = ctypes.CDLL(None)
            # Without releasing Python's lock, which costs more than the look.
            self._pending = ctypes.PyDLL(None).__fpending
            self._streams = [ctypes.c_void_p.in_dll(self._libc, stream) for stream in STREAMS]
        except (OSError, ValueError, AttributeError):
            return
        self._pending.restype = ctypes.c_size_t

    def line_buffer(self) -> None:
        # On a pipe C's stdout is buffered as a whole; lines should show when they are printed.
        for stream in self._streams[:1]:
            self._libc.setvbuf(stream, None, _IOLBF, ctypes.c_size_t(0))

    def flush(self) -> None:
        # Not fflush(NULL): that waits for every stream, also one that another thread is blocked in.
        for stream in self._streams:
            if self._pending(stream):
                self._libc.fflush(stream)
