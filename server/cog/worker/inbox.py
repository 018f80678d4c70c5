"""The worker's end of the socket, for reading: whoever has time reads, and everything is obeyed.

The main thread reads when it has nothing else to do, so that a prediction needs no change of
threads, which costs several times what the rest of a small one does. While the main thread runs the
model's code, another thread reads in its place: it lets what has come lie for a moment, and reads
only what nobody has taken by then.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable

from cog import wire

PATIENCE = 0.005
"""Seconds that a message may lie before the main thread is taken to be busy."""

_CHUNK = 64 * 1024  # more would be mapped and unmapped by malloc each time (mallopt(3))


class Inbox:
    """Reads messages and has each obeyed, in the thread that read it, in the order they came.

    ``gone`` is called when the server has closed its end, ``broken`` with what obeying raises.
    """

    def __init__(
        self,
        sock: socket.socket,
        obey: Callable[[wire.ToWorker], None],
        gone: Callable[[], None],
        broken: Callable[[BaseException], None],
    ) -> None:
        self._socket = sock
        self._obey = obey
        self._gone = gone
        self._broken = broken
        self._receiver = wire.Receiver(wire.TO_WORKER)
        self._lock = threading.Lock()
        self._waits = False  # the main thread will take what comes, in `wait`
        self._taken = 0
        self._ended = False

    def start(self) -> None:
        """Begin to read in place of a main thread that is busy."""
        threading.Thread(target=self._stand_in, name="cog-receive", daemon=True).start()

    def fileno(self) -> int:
        """Return the descriptor to watch before `take`."""
        return self._socket.fileno()

    def wait(self, unless: Callable[[], bool]) -> None:
        """Obey what comes next, however long that takes, or return at once if ``unless()``.

        For the main thread. What the other thread has obeyed before is seen by ``unless``.
        """
        with self._lock:
            if unless():
                return
            self._waits = True
        self._take(0)
        self._waits = False

    def take(self) -> None:
        """Obey what has come, if anything has; for an event loop in the main thread."""
        with self._lock:
            self._take(socket.MSG_DONTWAIT)

    def _stand_in(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while not self._ended:
            poll.poll()
            before = self._taken
            time.sleep(PATIENCE)
            with self._lock:
                if self._taken == before and not self._waits:
                    self._take(socket.MSG_DONTWAIT)

    def _take(self, flags: int) -> None:
        try:
            data = self._socket.recv(_CHUNK, flags)
        except BlockingIOError:
            return
        except OSError:
            # The server is gone without a word; the same as the end of the stream.
            data = b""
        self._taken += 1
        if not data:
            self._ended = True
            self._gone()
        try:
            for message in self._receiver.receive(data):
                self._obey(message)
        except BaseException as error:
            self._broken(error)
