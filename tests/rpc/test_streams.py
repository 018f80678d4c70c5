"""Properties of the byte streams: cuts change nothing, windows lose nothing, garbage ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cog_frontend.rpc import (
    Code,
    ConnectionClosed,
    Event,
    Finished,
    HalfClosed,
    Limits,
    MessageReceived,
    Peer,
    Role,
    Status,
)
from tests.rpc.pairs import METHOD, Pair, typed

CALLS = 4


def drive_client(client: Peer) -> None:
    """Open the calls of the recorded conversation."""
    for number in range(CALLS):
        stream = client.open(METHOD, [("number", str(number)), ("raw-bin", b"\0\xff")], timeout=9)
        client.send_message(stream, b"%d" % number * 700 * number)
        client.send_message(stream, b"")
        client.end(stream)


def drive_server(server: Peer) -> None:
    """Answer them: a plain answer, two with trailers only, one large error."""
    server.send_message(1, b"answer" * 5000)
    server.finish(1, metadata=[("done", "yes")])
    server.finish(3)
    server.finish(5, Status(Code.NOT_FOUND, "no such thing: ä"))
    server.send_message(7, b"some")
    server.finish(7, Status(Code.UNKNOWN, "boom", bytes(range(256)) * 100))


def fresh(role: Role) -> Peer:
    """A peer of the conversation, ready for the bytes of the other side."""
    peer = Peer(role)
    if role is Role.CLIENT:
        drive_client(peer)
        peer.data_to_send()
    return peer


def recorded() -> dict[Role, bytes]:
    """What each side writes in the conversation."""
    pair = Pair()
    drive_client(pair.client)
    pair.settle()
    drive_server(pair.server)
    pair.settle()
    return {role: bytes(data) for role, data in pair.sent.items()}


SENT = recorded()
FROM = {Role.CLIENT: SENT[Role.SERVER], Role.SERVER: SENT[Role.CLIENT]}
WHOLE = {role: typed(fresh(role).receive(FROM[role])) for role in Role}


def test_the_recorded_conversation_holds_every_kind_of_event() -> None:
    names = {name for events in WHOLE.values() for name, _ in events}
    assert names == {
        "RequestStarted",
        "ResponseStarted",
        "MessageReceived",
        "HalfClosed",
        "Finished",
    }


@pytest.mark.parametrize("role", Role)
@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 4000), max_size=60))
def test_any_cut_of_the_stream_gives_the_same_events(role: Role, sizes: list[int]) -> None:
    peer, data, events, at = fresh(role), FROM[role], [], 0
    for size in [*sizes, len(data)]:
        events += peer.receive(data[at : at + size]) if at < len(data) else []
        at += size
    assert typed(events) == WHOLE[role]


@pytest.mark.parametrize("role", Role)
def test_single_bytes_give_the_same_events(role: Role) -> None:
    peer = fresh(role)
    data = FROM[role][:6000]
    one_by_one = [event for byte in data for event in peer.receive(bytes((byte,)))]
    assert typed(one_by_one) == typed(fresh(role).receive(data))


@settings(max_examples=60, deadline=None)
@given(
    up=st.lists(st.binary(max_size=120), max_size=5),
    down=st.lists(st.binary(max_size=120), max_size=5),
    windows=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_tiny_windows_lose_and_reorder_nothing(
    up: list[bytes], down: list[bytes], windows: tuple[int, int]
) -> None:
    pair = Pair(client=Limits(window=windows[0]), server=Limits(window=windows[1]))
    pair.settle()
    streams = [pair.client.open(METHOD) for _ in range(2)]
    for stream in streams:
        for message in up:
            pair.client.send_message(stream, message)
        pair.client.end(stream)
    _, server = pair.settle()
    for stream in streams:
        assert messages(server, stream) == up
        assert HalfClosed(stream) in server
        for message in down:
            pair.server.send_message(stream, message)
        pair.server.finish(stream, Status(Code.ABORTED, "end"))
    client, _ = pair.settle()
    for stream in streams:
        assert messages(client, stream) == down
        assert Finished(stream, Code.ABORTED, "end") in client
        assert pair.server.unsent(stream) == 0


def messages(events: list[Event], stream: int) -> list[bytes]:
    """What one stream received."""
    return [e.data for e in events if isinstance(e, MessageReceived) and e.stream == stream]


def feed(peer: Peer, data: bytes, cut: int) -> list[Event]:
    """All a peer says about these bytes and the end of input; it is answered all along."""
    events: list[Event] = []
    for at in range(0, len(data), cut):
        events += peer.receive(data[at : at + cut])
        peer.data_to_send()
    return events + peer.receive(b"")


@pytest.mark.parametrize("role", Role)
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200), keep=st.integers(0, 400), cut=st.integers(1, 300))
def test_garbage_closes_the_connection_and_raises_nothing(
    role: Role, data: bytes, keep: int, cut: int
) -> None:
    events = feed(fresh(role), FROM[role][:keep] + data, cut)
    assert [event for event in events if isinstance(event, ConnectionClosed)] == events[-1:]


@pytest.mark.parametrize("role", Role)
@settings(max_examples=150, deadline=None)
@given(
    at=st.integers(0, 3000),
    value=st.integers(0, 255),
    how=st.sampled_from(["replace", "insert", "remove"]),
)
def test_a_spoiled_conversation_closes_or_goes_on_but_raises_nothing(
    role: Role, at: int, value: int, how: str
) -> None:
    data = bytearray(FROM[role])
    place = at % len(data)
    data[place : place + (how != "insert")] = b"" if how == "remove" else bytes((value,))
    whole = feed(fresh(role), bytes(data), len(data))
    assert [event for event in whole if isinstance(event, ConnectionClosed)] == whole[-1:]
    assert typed(feed(fresh(role), bytes(data), 997)) == typed(whole)
