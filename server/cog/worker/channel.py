"""The worker's end of the socket, for writing: whole frames, in order, from any thread."""

from __future__ import annotations

import socket
import struct
from _thread import allocate_lock, get_ident
from collections import deque

from cog import wire

_TIMEVAL = struct.Struct("@ll")  # of socket(7)


class Channel:
    """Queues messages, and sends them in the thread that asks for it.

    What makes it safe to be interrupted: a signal handler or a finaliser may speak while its thread
    is sending, and an exception of a signal handler may come out of a send that is half done. So
    each queued frame keeps count of what was sent of it, whoever sends next goes on from there, and
    queueing is one atomic step.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket: socket.socket | None = sock
        self._pending: deque[tuple[bytes, list[int]]] = deque()
        self._lock = allocate_lock()
        self._sender = 0  # the thread that holds the lock
        self._is_heard = True

    def put(self, message: wire.ToServer) -> int:
        """Queue a message; raises as `wire.encode` does, and then nothing is queued.

        Returns how many bytes it is.
        """
        frame = wire.encode(message)
        self._pending.append((frame, []))
        return len(frame)

    def flush(self) -> None:
        """Send what is queued, by whomever: what was said before a crash has been said.

        It makes a handler that says more than the server reads wait, too. Deeper inside a flush of
        the same thread it returns at once: that one goes on until nothing is left.
        """
        if self._sender == get_ident():
            return
        while self._pending:
            with self._lock:
                self._sender = get_ident()
                try:
                    self._send_pending()
                finally:
                    self._sender = 0

    def send(self, message: wire.ToServer) -> None:
        """Queue a message and send it."""
        self.put(message)
        self.flush()

    def close(self, timeout: float) -> None:
        """Send what is queued, for ``timeout`` seconds at most; then say no more."""
        if self._socket is not None:
            # Not settimeout(), which would be for the reading thread, too.
            limit = _TIMEVAL.pack(int(timeout), int(timeout % 1 * 1e6))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        if self._lock.acquire(timeout=timeout):
            self._send_pending()
        self.detach()

    def detach(self) -> None:
        """Say no more in this process, as after a fork: only the worker speaks on its socket."""
        self._lock = allocate_lock()
        self._sender = 0
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._pending.clear()

    def _send_pending(self) -> None:
        while self._pending:
            frame, sent = self._pending[0]
            left = memoryview(frame)[sum(sent) :]
            if not left or self._socket is None or not self._is_heard:
                self._pending.popleft()
                continue
            try:
                # One step in C: an exception comes before or after, never between sending bytes
                # and counting them.
                sent.extend(map(self._socket.send, (left,)))
            except OSError:
                # The server is gone; the thread that reads from it ends this process. Until then
                # the model's code goes on as if its output were read.
                self._is_heard = False
