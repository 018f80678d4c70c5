"""The worker's end of the socket, for writing: whole frames, in order, from any thread."""

from __future__ import annotations

import queue
import socket
import threading
from _thread import LockType, allocate_lock

from cog import wire


class Channel:
    """Queues messages and sends them in a thread of its own.

    The thread is what keeps frames whole: only the main thread runs signal handlers, so no
    exception of theirs can come out of a send that is half done. Queueing is one atomic step, so
    finalisers and signal handlers may print at any time.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket: socket.socket | None = sock
        self._queue: queue.SimpleQueue[tuple[bytes, LockType]] = queue.SimpleQueue()
        self._last: LockType | None = None
        self._thread = threading.Thread(target=self._run, name="cog-send", daemon=True)
        self._thread.start()

    def put(self, message: wire.ToServer) -> None:
        """Queue a message; raises as `wire.encode` does, and then nothing is queued."""
        frame = wire.encode(message)
        if self._socket is not None:
            unsent = allocate_lock()
            unsent.acquire()
            self._queue.put((frame, unsent))
            self._last = unsent

    def wait(self) -> None:
        """Wait until what is queued is sent: what was said before a crash has been said.

        It makes a handler that says more than the server reads wait, too. In the sending thread (a
        finaliser may print there) it returns at once.
        """
        last = self._last
        if last is not None and threading.current_thread() is not self._thread:
            with last:
                pass

    def close(self, timeout: float) -> None:
        """Wait until what is queued is sent, ``timeout`` seconds at most; then say no more."""
        if self._last is not None:
            self._last.acquire(timeout=timeout)
        self.detach()

    def detach(self) -> None:
        """Say no more in this process, as after a fork: only the worker speaks on its socket."""
        self._last = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _run(self) -> None:
        sock = self._socket
        while True:
            frame, unsent = self._queue.get()
            try:
                if sock is not None:
                    sock.sendall(frame)
            except OSError:
                # The server is gone; the thread that reads from it ends this process. Until then
                # the model's code goes on as if its output were read.
                sock = None
            unsent.release()
