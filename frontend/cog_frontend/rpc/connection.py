"""A client's connection over file descriptors: one thread, blocking, calls pipelined.

All I/O happens inside the methods: calls that were started make progress whenever any method
waits, in whichever order the server answers.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Self

from cog_frontend.rpc.duplex import Duplex
from cog_frontend.rpc.events import (
    ConnectionClosed,
    Event,
    Finished,
    HalfClosed,
    MessageReceived,
    Metadata,
    RequestStarted,
    ResponseStarted,
)
from cog_frontend.rpc.http2 import Limits, Role
from cog_frontend.rpc.peer import Peer
from cog_frontend.rpc.status import Code, ConnectionLost, RpcError

OnMessage = Callable[[bytes], None]

_STDIN, _STDOUT, _STDERR = 0, 1, 2


class Call:
    """One call in progress; made by ``Connection.start`` and ``Connection.open``."""

    def __init__(
        self,
        connection: Connection,
        stream: int,
        deadline: float | None,
        on_message: OnMessage | None,
    ) -> None:
        self._connection = connection
        self._messages: deque[bytes] = deque()
        self.take = on_message or self._messages.append
        """For the connection: the server sent this."""
        self._error: RpcError | None = None
        self.stream = stream
        self.deadline = deadline
        """On the connection's clock; None: no limit."""
        self.ended = False
        """The outcome is known; messages may still be unread."""

    def __repr__(self) -> str:
        state = f"ended: {self._error or 'OK'}" if self.ended else "open"
        return f"<Call on stream {self.stream}, {len(self._messages)} unread, {state}>"

    def send(self, message: bytes) -> None:
        """Send one more message as far as pipe and window allow; the rest follows later.

        After the call has ended it is dropped: the outcome is what ``receive`` tells.
        """
        if not self.ended:
            self._connection.peer.send_message(self.stream, message)
            self._connection.pump(0)

    def end(self) -> None:
        """Tell the server that no further message follows."""
        if not self.ended:
            self._connection.peer.end(self.stream)
            self._connection.pump(0)

    def receive(self) -> bytes | None:
        """Wait for the next message; None after the last one of a call that ended with OK.

        Raises RpcError: the server's own, DEADLINE_EXCEEDED when the call's time is over, CANCELLED
        after ``cancel``; ConnectionLost when the server went away.
        """
        while not self._messages and not self.ended:
            self._connection.advance(self)
        if self._messages:
            return self._messages.popleft()
        self._raise_error()
        return None

    def result(self) -> bytes:
        """Wait for the end of a call with one answer and return that; errors as ``receive``."""
        while not self.ended:
            self._connection.advance(self)
        self._raise_error()
        if len(self._messages) != 1:
            text = f"the server answered with {len(self._messages)} messages instead of one"
            raise RpcError(Code.INTERNAL, text)
        return self._messages[0]

    def cancel(self) -> None:
        """Give the call up and tell the server; a call that has ended is left alone."""
        if not self.ended:
            self.conclude(RpcError(Code.CANCELLED, "the caller gave up"))
            self._connection.forget(self)

    def conclude(self, error: RpcError | None) -> None:
        """For the connection: this is how the call ended (None: OK)."""
        self._error = error
        self.ended = True

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(None)


class Connection:
    """Calls to the server at the other end of two descriptors, which it owns until ``close``.

    ``authority`` is the name the server is called by. ``clock`` gives seconds for the deadlines.
    """

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        *,
        authority: str = "localhost",
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.peer = Peer(Role.CLIENT, authority=authority, limits=limits)
        self._duplex = Duplex(read_fd, write_fd)
        self._clock = clock
        self._calls: dict[int, Call] = {}
        self._lost: str | None = None

    def __repr__(self) -> str:
        return f"<Connection {self._lost or 'open'}, {len(self._calls)} calls>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(
        self,
        method: str,
        request: bytes,
        metadata: Metadata = (),
        *,
        timeout: float | None = None,
        on_message: OnMessage | None = None,
    ) -> Call:
        """Send a call with one request and return without waiting for its answer.

        ``method`` is ``/package.Service/Method``; ``timeout`` seconds bind the server and us.
        ``on_message`` is given every message as it comes, whichever method waits then; the call
        itself has none to receive.
        ConnectionLost when the server is known to be gone, ValueError for what cannot be sent.
        """
        call = self._open(method, metadata, timeout, on_message)
        self.peer.send_message(call.stream, request)
        self.peer.end(call.stream)
        self.pump(0)
        return call

    def open(
        self,
        method: str,
        metadata: Metadata = (),
        *,
        timeout: float | None = None,
        on_message: OnMessage | None = None,
    ) -> Call:
        """Start a call whose messages ``Call.send`` gives; otherwise as ``start``."""
        call = self._open(method, metadata, timeout, on_message)
        self.pump(0)
        return call

    def call(
        self, method: str, request: bytes, metadata: Metadata = (), *, timeout: float | None = None
    ) -> bytes:
        """Call with one request and wait for the one answer; RpcError, ConnectionLost."""
        return self.start(method, request, metadata, timeout=timeout).result()

    def close(self) -> None:
        """Close the descriptors; calls that have not ended are lost. Twice does no harm."""
        self._lose("the connection was closed here")
        self._duplex.close()

    def pump(self, timeout: float | None) -> None:
        """Write what can be written, read what has come; wait for it at most ``timeout`` s.

        On a connection that is lost this does nothing.
        """
        if self._lost is not None:
            return
        self._duplex.push(self.peer.data_to_send)
        data = self._duplex.wait(timeout)
        if data is None:
            return
        for event in self.peer.receive(data):
            self._take(event)
        self._duplex.push(self.peer.data_to_send)

    def advance(self, call: Call) -> None:
        """For a call: wait until something happened, or end it when its time is over."""
        remaining = None if call.deadline is None else call.deadline - self._clock()
        if remaining is not None and remaining <= 0:
            call.conclude(RpcError(Code.DEADLINE_EXCEEDED, "the server took too long"))
            self.forget(call)
        else:
            self.pump(remaining)

    def forget(self, call: Call) -> None:
        """For a call: it ended here; tell the server."""
        del self._calls[call.stream]
        self.peer.cancel(call.stream)
        self._duplex.push(self.peer.data_to_send)

    def _open(
        self, method: str, metadata: Metadata, timeout: float | None, on_message: OnMessage | None
    ) -> Call:
        if self._lost is not None:
            raise ConnectionLost(self._lost)
        stream = self.peer.open(method, metadata, timeout=timeout)
        deadline = None if timeout is None else self._clock() + timeout
        call = self._calls[stream] = Call(self, stream, deadline, on_message)
        return call

    def _take(self, event: Event) -> None:
        match event:
            case MessageReceived(stream, data):
                self._calls[stream].take(data)
            case Finished(stream, code, message, details):
                failed = RpcError(code, message, details) if code != Code.OK else None
                self._calls.pop(stream).conclude(failed)
            case ConnectionClosed(reason):
                self._lose(reason)
            case ResponseStarted() | RequestStarted() | HalfClosed():
                pass  # initial metadata is of no use here; the others never reach a client

    def _lose(self, reason: str) -> None:
        self._lost = self._lost or reason
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.conclude(ConnectionLost(reason))


def adopt_stdio() -> Connection:
    """A connection over this process's stdin and stdout, which nothing else can touch any more.

    From here on descriptor 1 is stderr and descriptor 0 is empty, so that a stray ``print``, in
    this process or in one it starts, cannot corrupt the stream.
    """
    read_fd, write_fd = os.dup(_STDIN), os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, _STDIN)
    os.close(null)
    return Connection(read_fd, write_fd)
