"""The load generator: a process of its own that asks over some connections and keeps the times.

``python -m benchmarks.serving.load`` reads one `Load` as JSON from stdin and prints a `Found`. One
thread over epoll, requests made beforehand, replies hardly read: asking costs about a fifth of what
the fastest server spends on answering, so on two cores it is not what is measured.
"""

from __future__ import annotations

import base64
import gc
import json
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass, field

from benchmarks.serving.replies import BadReply, Reader, Reply

_BUFFER = 256 * 1024
_REFUSED = frozenset({409, 429, 503})


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to ask and how; times in seconds.

    ``request`` is the whole request, base64. A reply is good if its status is 200 and its body has
    ``marker`` at least ``marks`` times. ``rate`` 0: each connection asks again as soon as it is
    answered; else so many requests a second are due, whether or not the server keeps up.
    """

    port: int
    request: str
    marker: str
    marks: int = 1
    connections: int = 1
    warm_up: float = 0.3
    seconds: float = 2.0
    rate: float = 0.0


@dataclass(slots=True, kw_only=True)
class Found:
    """What came of it; ``latencies`` and ``firsts`` (until the marker first came) of good replies.

    ``refused`` counts 409, 429 and 503, ``wrong`` other bad replies and broken connections,
    ``unsent`` requests that were due when no connection was free.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    refused: int = 0
    wrong: int = 0
    unsent: int = 0
    example: str = ""  # of a wrong reply


class _Connection:
    def __init__(self, load: Load, request: bytes) -> None:
        self._load = load
        self._request = request
        self.socket = self._connect()
        self._reader = Reader(load.marker.encode())
        self._started = 0.0
        self._first = 0.0
        self._unsent = memoryview(b"")
        self.busy = False

    def _connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._load.port), timeout=30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        return sock

    def ask(self, now: float) -> None:
        self.busy, self._started, self._first = True, now, 0.0
        self._unsent = memoryview(self._request)
        self.write()

    def write(self) -> None:
        while self._unsent:
            try:
                sent = self.socket.send(self._unsent)
            except BlockingIOError:
                return
            self._unsent = self._unsent[sent:]

    @property
    def wants_to_write(self) -> bool:
        return bool(self._unsent)

    def read(self) -> tuple[Reply, float, float] | None:
        """Return a whole reply with its time of asking and of the first marker."""
        try:
            data = self.socket.recv(_BUFFER)
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionError("the server closed the connection")
        reply = self._reader.feed(data)
        if not self._first and (self._reader.began or reply is not None):
            self._first = time.perf_counter()
        if reply is not None:
            self.busy = False
            return reply, self._started, self._first
        return None


class Client:
    """Runs one `Load`."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._request = base64.b64decode(load.request)
        self._epoll = select.epoll()
        self._connections: dict[int, _Connection] = {}
        self._free: list[_Connection] = []
        self._writing: set[int] = set()
        self._found = Found()
        self._sent = 0

    def run(self) -> Found:
        """Ask until the time is over; what is under way then is not counted."""
        for _ in range(self._load.connections):
            self._free.append(self._open())
        start = time.perf_counter()
        self._counted_from = start + self._load.warm_up
        end = self._counted_from + self._load.seconds
        while (now := time.perf_counter()) < end:
            wait = self._send_due(start, now)
            for fd, event in self._epoll.poll(min(wait, end - now)):
                self._serve(self._connections[fd], event)
        self._found.seconds = time.perf_counter() - self._counted_from
        for connection in self._connections.values():
            connection.socket.close()
        return self._found

    def _send_due(self, start: float, now: float) -> float:
        """Send what is due; return the seconds until more is."""
        rate = self._load.rate
        if not rate:
            while self._free:
                self._ask(self._free.pop(), now)
            return 1.0
        while (due := start + self._sent / rate) <= now:
            self._sent += 1
            if self._free:
                self._ask(self._free.pop(), now)
            elif now >= self._counted_from:
                self._found.unsent += 1
        return due - now

    def _open(self) -> _Connection:
        connection = _Connection(self._load, self._request)
        self._connections[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket, select.EPOLLIN)
        return connection

    def _ask(self, connection: _Connection, now: float) -> None:
        try:
            connection.ask(now)
        except OSError as error:
            self._broken(connection, error)
            return
        self._watch(connection)

    def _watch(self, connection: _Connection) -> None:
        fd = connection.socket.fileno()
        if connection.wants_to_write != (fd in self._writing):
            self._writing ^= {fd}
            more = select.EPOLLOUT if fd in self._writing else 0
            self._epoll.modify(fd, select.EPOLLIN | more)

    def _serve(self, connection: _Connection, event: int) -> None:
        try:
            if event & select.EPOLLOUT:
                connection.write()
                self._watch(connection)
            answered = connection.read() if event & ~select.EPOLLOUT else None
        except (OSError, BadReply) as error:
            self._broken(connection, error)
            return
        if answered is None:
            return
        reply, started, first = answered
        if started >= self._counted_from:
            self._count(reply, started, first)
        if self._load.rate:
            self._free.append(connection)
        else:
            self._ask(connection, time.perf_counter())

    def _count(self, reply: Reply, started: float, first: float) -> None:
        found = self._found
        if reply.status == 200 and reply.marks >= self._load.marks:
            found.latencies.append(time.perf_counter() - started)
            found.firsts.append(first - started)
        elif reply.status in _REFUSED:
            found.refused += 1
        else:
            found.wrong += 1
            found.example = found.example or f"status {reply.status}, {reply.marks} markers"

    def _broken(self, connection: _Connection, error: Exception) -> None:
        self._found.wrong += 1
        self._found.example = self._found.example or f"{type(error).__name__}: {error}"
        fd = connection.socket.fileno()
        self._epoll.unregister(fd)
        self._writing.discard(fd)
        del self._connections[fd]
        connection.socket.close()
        self._free.append(self._open())


def main() -> int:
    """Run the load on stdin and print what was found."""
    load = Load(**json.load(sys.stdin))
    gc.disable()
    json.dump(asdict(Client(load).run()), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
