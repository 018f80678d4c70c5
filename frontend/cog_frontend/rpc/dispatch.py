"""Handlers run against a server's peer, without I/O: bytes in, bytes out, one step at a time.

A handler is a generator, so that one thread serves many calls and none runs ahead of its client:

    def echo(request: Request) -> Dialogue:
        while (message := (yield RECEIVE)) is not None:
            yield message

``yield RECEIVE`` gives the client's next message, None after the last; ``yield data`` sends one
and comes back when most of what was sent before is out. Returning ends the call with OK, raising
RpcError ends it with that status. When the client goes away the generator is closed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping

from cog_frontend.rpc.events import (
    ConnectionClosed,
    Event,
    Finished,
    HalfClosed,
    MessageReceived,
    RequestStarted,
)
from cog_frontend.rpc.http2 import Limits, Role
from cog_frontend.rpc.peer import Peer
from cog_frontend.rpc.status import OK, Code, RpcError, Status

Dialogue = Generator[bytes | None, bytes | None, None]
Handler = Callable[[RequestStarted], Dialogue]
Report = Callable[[Exception], None]

RECEIVE = None
"""What a handler yields to be given the client's next message."""

_HIGH_WATER = 256 * 1024
"""Unsent bytes of a call above which its handler waits."""

_STEPS = 16


def unary(answer: Callable[[bytes], bytes]) -> Handler:
    """A handler from a function of one request to one answer; INVALID_ARGUMENT without one."""

    def dialogue(_: RequestStarted) -> Dialogue:
        request = yield RECEIVE
        if request is None:
            raise RpcError(Code.INVALID_ARGUMENT, "the call carries no request")
        yield answer(request)

    return dialogue


class _Task:
    """A running handler: what it waits for and what has come for it."""

    __slots__ = ("dialogue", "half_closed", "inbox", "started", "wants")

    def __init__(self, dialogue: Dialogue) -> None:
        self.dialogue = dialogue
        self.inbox: deque[bytes] = deque()
        self.half_closed = False
        self.started = False
        self.wants: bytes | None = RECEIVE
        """What the handler yielded last."""

    def may_go_on(self, unsent: int) -> bool:
        """True when the handler has what it waits for."""
        if not self.started:
            return True
        if self.wants is RECEIVE:
            return bool(self.inbox) or self.half_closed
        return unsent < _HIGH_WATER

    def go_on(self) -> bytes | None:
        """Run the handler to its next yield and return that; StopIteration when it is done."""
        given = None
        if self.started and self.wants is RECEIVE and self.inbox:
            given = self.inbox.popleft()
        self.started = True
        self.wants = self.dialogue.send(given)
        return self.wants


class Dispatcher:
    """Serves ``handlers`` by method (``/package.Service/Method``); others are UNIMPLEMENTED.

    ``report`` is told of every exception that is no RpcError; the client sees only INTERNAL.
    """

    def __init__(
        self, handlers: Mapping[str, Handler], report: Report, *, limits: Limits | None = None
    ) -> None:
        self._peer = Peer(Role.SERVER, limits=limits)
        self._handlers = handlers
        self._report = report
        self._tasks: dict[int, _Task] = {}
        self.closed: str | None = None
        """Why the connection is over; None while it is not."""

    def __repr__(self) -> str:
        return f"<Dispatcher {len(self._tasks)} calls, {self._peer!r}>"

    def data_to_send(self) -> bytes:
        """The next bytes to write, as ``Peer.data_to_send``."""
        return self._peer.data_to_send()

    def receive(self, data: bytes) -> None:
        """Take bytes in any cut; b"" when the client will send no more."""
        for event in self._peer.receive(data):
            self._take(event)

    @property
    def ready(self) -> bool:
        """Whether a handler has what it waits for; sending what is queued may change that."""
        return any(task.may_go_on(self._peer.unsent(n)) for n, task in self._tasks.items())

    def step(self) -> bool:
        """Let every handler that has what it waits for run once; False when there was none."""
        ready = [
            (number, task)
            for number, task in self._tasks.items()
            if task.may_go_on(self._peer.unsent(number))
        ]
        for number, task in ready:
            self._run(number, task)
        return bool(ready)

    def work(self) -> None:
        """Let handlers run for a while: many small messages go into one write."""
        for _ in range(_STEPS):
            if not self.step():
                return

    def close(self) -> None:
        """Stop all handlers; the client is not told."""
        tasks, self._tasks = self._tasks, {}
        for task in tasks.values():
            task.dialogue.close()

    def _take(self, event: Event) -> None:
        match event:
            case RequestStarted():
                self._begin(event)
            # A call refused in ``_begin`` is unknown, and more of it may be in the same batch.
            case MessageReceived(stream, data) if stream in self._tasks:
                self._tasks[stream].inbox.append(data)
            case HalfClosed(stream) if stream in self._tasks:
                self._tasks[stream].half_closed = True
            case Finished(stream) if stream in self._tasks:
                self._tasks.pop(stream).dialogue.close()
            case ConnectionClosed(reason):
                self.closed = reason
                self.close()
            case _:
                pass

    def _begin(self, request: RequestStarted) -> None:
        handler = self._handlers.get(request.method)
        if handler is None:
            status = Status(Code.UNIMPLEMENTED, f"unknown method {request.method}")
            self._peer.finish(request.stream, status)
        else:
            self._tasks[request.stream] = _Task(handler(request))

    def _run(self, number: int, task: _Task) -> None:
        try:
            message = task.go_on()
        except StopIteration:
            self._end(number, OK)
        except RpcError as error:
            self._end(number, error.status)
        except Exception as error:
            self._report(error)
            self._end(number, Status(Code.INTERNAL, "the handler failed"))
        else:
            if message is not None:
                self._peer.send_message(number, message)

    def _end(self, number: int, status: Status) -> None:
        del self._tasks[number]
        self._peer.finish(number, status)
