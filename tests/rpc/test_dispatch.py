"""Handlers as generators, driven in memory: nobody runs ahead, nobody is left behind."""

from __future__ import annotations

from collections.abc import Mapping

from cog_frontend.rpc import (
    Code,
    Event,
    Finished,
    MessageReceived,
    Peer,
    RequestStarted,
    Role,
    RpcError,
)
from cog_frontend.rpc.dispatch import RECEIVE, Dialogue, Dispatcher, Handler, unary
from tests.rpc.pairs import METHOD


class Exchange:
    """A client peer and a dispatcher joined in memory."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self.client = Peer(Role.CLIENT)
        self.reported: list[Exception] = []
        self.dispatcher = Dispatcher(handlers, self.reported.append)

    def up(self) -> bool:
        """Move what the client has to say; False when that was nothing."""
        moved = False
        while data := self.client.data_to_send():
            self.dispatcher.receive(data)
            moved = True
        return moved

    def down(self, events: list[Event]) -> bool:
        """Move what the server has to say, adding to ``events``; False when that was nothing."""
        moved = False
        while data := self.dispatcher.data_to_send():
            events += self.client.receive(data)
            moved = True
        return moved

    def settle(self) -> list[Event]:
        """Run until nothing moves; returns what the client saw."""
        events: list[Event] = []
        while any([self.up(), self.dispatcher.step(), self.down(events)]):
            pass
        return events


def test_a_handler_waits_while_its_client_does_not_read() -> None:
    sent: list[int] = []

    def flood(_: RequestStarted) -> Dialogue:
        for number in range(100):
            sent.append(number)
            yield b"x" * 100_000

    exchange = Exchange({METHOD: flood})
    exchange.client.end(exchange.client.open(METHOD))
    exchange.up()
    steps = 0
    while exchange.dispatcher.step():
        steps += 1
    assert len(sent) == steps == 3  # 300 kB are unsent, which is above the mark
    ends = [event for event in exchange.settle() if isinstance(event, Finished)]
    assert [end.code for end in ends] == [Code.OK]
    assert len(sent) == 100


def test_sending_what_is_queued_makes_a_waiting_handler_ready() -> None:
    exchange = Exchange({METHOD: unary(lambda _: b"x" * 600_000)})
    stream = exchange.client.open(METHOD)
    exchange.client.send_message(stream, b"")
    exchange.client.end(stream)
    exchange.up()
    exchange.dispatcher.work()
    waiting = exchange.dispatcher.ready
    events: list[Event] = []
    exchange.down(events)
    exchange.up()  # the client's windows
    exchange.down(events)
    assert (waiting, exchange.dispatcher.ready) == (
        False,
        True,
    )  # to end the call: nothing else would wake it
    exchange.dispatcher.work()
    exchange.down(events)
    assert isinstance(events[-1], Finished)


def test_handlers_take_turns() -> None:
    order: list[str] = []

    def named(name: str) -> Handler:
        def dialogue(_: RequestStarted) -> Dialogue:
            for _turn in range(2):
                order.append(name)
                yield b"x"

        return dialogue

    exchange = Exchange({"/s/A": named("a"), "/s/B": named("b")})
    exchange.client.open("/s/A")
    exchange.client.open("/s/B")
    exchange.settle()
    assert order == ["a", "b", "a", "b"]


def test_a_refused_call_may_bring_more_in_the_same_bytes() -> None:
    exchange = Exchange({})
    stream = exchange.client.open(METHOD)
    exchange.client.send_message(stream, b"data")
    exchange.client.end(stream)
    (end,) = exchange.settle()
    assert end == Finished(stream, Code.UNIMPLEMENTED, f"unknown method {METHOD}")


def test_a_call_cancelled_in_the_same_bytes_never_runs() -> None:
    ran: list[str] = []

    def handler(_: RequestStarted) -> Dialogue:
        ran.append("started")
        yield b"x"

    exchange = Exchange({METHOD: handler})
    stream = exchange.client.open(METHOD)
    data = exchange.client.data_to_send()
    exchange.client.cancel(stream)
    exchange.dispatcher.receive(data + exchange.client.data_to_send())
    assert not exchange.dispatcher.step()
    assert ran == []


def test_the_end_of_the_connection_closes_every_handler() -> None:
    closed: list[int] = []

    def handler(request: RequestStarted) -> Dialogue:
        try:
            yield RECEIVE
        finally:
            closed.append(request.stream)

    exchange = Exchange({METHOD: handler})
    streams = [exchange.client.open(METHOD) for _ in range(3)]
    exchange.settle()
    assert repr(exchange.dispatcher) == "<Dispatcher 3 calls, <Peer server, 3 calls, open>>"
    exchange.dispatcher.receive(b"")
    assert closed == streams
    assert exchange.dispatcher.closed == "the peer closed the connection"
    assert not exchange.dispatcher.step()


def test_an_error_after_messages_keeps_the_messages() -> None:
    def handler(_: RequestStarted) -> Dialogue:
        yield b"first"
        raise RpcError(Code.DATA_LOSS, "then it broke", b"\x08\x0f")

    exchange = Exchange({METHOD: handler})
    stream = exchange.client.open(METHOD)
    events = exchange.settle()
    assert events[1:] == [
        MessageReceived(stream, b"first"),
        Finished(stream, Code.DATA_LOSS, "then it broke", b"\x08\x0f"),
    ]
    assert exchange.reported == []


def test_after_the_last_message_a_handler_is_given_none_as_often_as_it_asks() -> None:
    given: list[bytes | None] = []

    def handler(_: RequestStarted) -> Dialogue:
        for _turn in range(4):
            given.append((yield RECEIVE))

    exchange = Exchange({METHOD: handler})
    stream = exchange.client.open(METHOD)
    exchange.client.send_message(stream, b"one")
    exchange.client.send_message(stream, b"")
    exchange.client.end(stream)
    exchange.settle()
    assert given == [b"one", b"", None, None]
