"""The peer without I/O: what each side is told, and what it does when the other misbehaves."""

from __future__ import annotations

import pytest
from h2 import events as h2_events
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import ContinuationFrame, GoAwayFrame, PushPromiseFrame, SettingsFrame

from cog_frontend.rpc import (
    Code,
    ConnectionClosed,
    ConnectionLost,
    Finished,
    HalfClosed,
    Limits,
    MessageReceived,
    Peer,
    RequestStarted,
    ResponseStarted,
    Role,
    Status,
)
from cog_frontend.rpc.frames import PREFACE
from cog_frontend.rpc.messages import encode_message
from tests.rpc.pairs import ANSWER, METHOD, REQUEST, Pair, RawClient, RawServer, kinds, typed

OK_TRAILERS = (("grpc-status", "0"),)


def finished(events: list[object]) -> Finished:
    """The one end among the events."""
    (end,) = [event for event in events if isinstance(event, Finished)]
    return end


def opened(limits: Limits | None = None) -> tuple[RawServer, int]:
    """A raw server that has been sent one whole request, and the request's stream."""
    server = RawServer(Peer(Role.CLIENT, limits=limits))
    stream = server.peer.open(METHOD)
    server.peer.send_message(stream, b"request")
    server.peer.end(stream)
    assert server.settle() == []
    return server, stream


# Calls between two peers.


def test_a_call_is_told_in_order_to_both_sides() -> None:
    pair = Pair()
    stream = pair.client.open(METHOD, [("key", "value"), ("raw-bin", b"\0")], timeout=2.5)
    pair.client.send_message(stream, b"question")
    pair.client.end(stream)
    _, server = pair.settle()
    metadata = (("key", "value"), ("raw-bin", b"\0"))
    assert typed(server) == typed(
        [
            RequestStarted(stream, METHOD, metadata, 2.5),
            MessageReceived(stream, b"question"),
            HalfClosed(stream),
        ]
    )
    pair.server.respond_headers(stream, [("first", "1")])
    pair.server.send_message(stream, b"answer")
    pair.server.send_message(stream, b"")
    pair.server.finish(stream, Status(7, " não 100%", b"\x00details"), [("last", "2")])
    client, server = pair.settle()
    assert server == []
    assert typed(client) == typed(
        [
            ResponseStarted(stream, (("first", "1"),)),
            MessageReceived(stream, b"answer"),
            MessageReceived(stream, b""),
            Finished(stream, 7, " não 100%", b"\x00details", (("last", "2"),)),
        ]
    )


def test_a_call_without_messages_ends_with_one_header_list_each_way() -> None:
    pair = Pair()
    stream = pair.client.open(METHOD)
    pair.client.end(stream)
    assert kinds(pair.settle()[1]) == ["RequestStarted", "HalfClosed"]
    pair.server.finish(stream, Status(Code.NOT_FOUND, "no ref"))
    assert pair.settle() == ([Finished(stream, Code.NOT_FOUND, "no ref")], [])


def test_everything_of_the_first_call_leaves_in_one_portion() -> None:
    client = Peer(Role.CLIENT)
    stream = client.open(METHOD)
    client.send_message(stream, b"x" * 2000)
    client.end(stream)
    first = client.data_to_send()
    assert first.startswith(PREFACE)
    assert first.endswith(b"x" * 2000)
    assert client.data_to_send() == b""


def test_settings_open_the_window_and_close_the_header_table() -> None:
    server, _ = opened()
    (settings,) = server.saw(h2_events.RemoteSettingsChanged)
    assert isinstance(settings, h2_events.RemoteSettingsChanged)
    values = {code: change.new_value for code, change in settings.changed_settings.items()}
    assert values[SettingCodes.HEADER_TABLE_SIZE] == 0
    assert values[SettingCodes.ENABLE_PUSH] == 0
    assert values[SettingCodes.INITIAL_WINDOW_SIZE] == 2**31 - 1
    assert server.h2.outbound_flow_control_window == 2**31 - 1
    assert server.saw(h2_events.SettingsAcknowledged)


def test_pings_are_answered() -> None:
    server, _ = opened()
    server.h2.ping(b"12345678")
    server.settle()
    assert server.saw(h2_events.PingAckReceived)


def test_streams_of_many_messages_go_both_ways_at_once() -> None:
    pair = Pair()
    stream = pair.client.open(METHOD)
    for number in range(100):
        pair.client.send_message(stream, b"up %d" % number)
    _, server = pair.settle()
    assert len(server) == 101
    for number in range(100):
        pair.server.send_message(stream, b"down %d" % number)
        pair.client.send_message(stream, b"more %d" % number)
    client, server = pair.settle()
    assert [event.data for event in client if isinstance(event, MessageReceived)] == [
        b"down %d" % number for number in range(100)
    ]
    assert [event.data for event in server if isinstance(event, MessageReceived)] == [
        b"more %d" % number for number in range(100)
    ]


def test_a_cancelled_call_is_finished_for_the_other_side_only() -> None:
    pair = Pair()
    stream = pair.client.open(METHOD)
    pair.settle()
    pair.client.cancel(stream)
    pair.client.cancel(stream)
    client, server = pair.settle()
    assert client == []
    assert typed(server) == typed(
        [Finished(stream, Code.CANCELLED, "the peer reset the stream (CANCEL)")]
    )


def test_a_call_cancelled_before_it_left_never_leaves() -> None:
    pair = Pair()
    pair.client.cancel(pair.client.open(METHOD))
    kept = pair.client.open(METHOD)
    assert typed(pair.settle()[1]) == typed([RequestStarted(kept, METHOD)])


def test_a_server_may_end_before_the_client_has() -> None:
    pair = Pair()
    stream = pair.client.open(METHOD)
    pair.settle()
    pair.server.finish(stream, Status(Code.ABORTED, "enough"))
    pair.client.send_message(stream, b"in flight")
    client, server = pair.settle()
    assert typed(client) == typed([Finished(stream, Code.ABORTED, "enough")])
    assert server == []
    again = pair.client.open(METHOD)
    assert typed(pair.settle()[1]) == typed([RequestStarted(again, METHOD)])


def test_an_ended_stream_cannot_be_used() -> None:
    pair = Pair()
    stream = pair.client.open(METHOD)
    pair.client.end(stream)
    with pytest.raises(ValueError, match="ended"):
        pair.client.send_message(stream, b"late")
    with pytest.raises(ValueError, match="ended already"):
        pair.client.end(stream)
    pair.settle()
    pair.server.finish(stream)
    with pytest.raises(ValueError, match="has ended"):
        pair.server.send_message(stream, b"late")
    with pytest.raises(ValueError, match="does not exist"):
        pair.server.respond_headers(99)
    pair.settle()
    assert pair.client.unsent(stream) == 0


def test_an_answer_starts_once() -> None:
    pair = Pair()
    stream = pair.client.open(METHOD)
    pair.settle()
    pair.server.send_message(stream, b"implies headers")
    with pytest.raises(ValueError, match="started already"):
        pair.server.respond_headers(stream)


def test_each_role_has_its_own_methods() -> None:
    pair = Pair()
    with pytest.raises(ValueError, match="only a client"):
        pair.server.open(METHOD)
    with pytest.raises(ValueError, match="only a server"):
        pair.client.finish(pair.client.open(METHOD))
    assert repr(pair.client) == "<Peer client, 1 calls, open>"


# Limits and windows.


def test_a_large_message_leaves_in_portions_and_waits_for_the_window() -> None:
    pair = Pair(server=Limits(window=70_000))
    stream = pair.client.open(METHOD)
    pair.client.send_message(stream, b"x" * 3_000_000)
    assert len(pair.client.data_to_send()) < 70_000
    assert pair.client.unsent(stream) > 2_900_000
    pair = Pair()
    stream = pair.client.open(METHOD)
    pair.client.send_message(stream, b"x" * 3_000_000)
    _, server = pair.settle()
    assert server[1] == MessageReceived(stream, b"x" * 3_000_000)
    assert pair.largest_portion < 400_000


def test_a_shrinking_window_is_honoured() -> None:
    server, _ = opened()
    server.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 10})
    server.settle()
    stream = server.peer.open(METHOD)
    server.peer.send_message(stream, b"0123456789")
    server.settle()
    assert server.peer.unsent(stream) == 5
    server.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
    server.settle()
    server.h2.increment_flow_control_window(12, stream)
    server.settle()
    assert server.peer.unsent(stream) == 3
    server.h2.increment_flow_control_window(3, stream)
    server.settle()
    assert server.peer.unsent(stream) == 0


def test_one_blocked_stream_does_not_block_another() -> None:
    server, _ = opened()
    server.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
    server.settle()
    blocked, free = server.peer.open(METHOD), server.peer.open(METHOD)
    for stream in (blocked, free):
        server.peer.send_message(stream, b"data")
    server.settle()
    server.h2.increment_flow_control_window(100, free)
    server.settle()
    assert (server.peer.unsent(blocked), server.peer.unsent(free)) == (9, 0)


def test_calls_beyond_the_servers_limit_wait_for_their_turn() -> None:
    server, first = opened()
    server.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 2})
    server.settle()
    waiting = [server.peer.open(METHOD) for _ in range(3)]
    server.settle()
    assert len(server.saw(h2_events.RequestReceived)) == 2
    server.h2.send_headers(first, (*ANSWER, *OK_TRAILERS), end_stream=True)
    server.settle()
    assert len(server.saw(h2_events.RequestReceived)) == 3
    server.peer.cancel(waiting[0])
    server.settle()
    assert len(server.saw(h2_events.RequestReceived)) == 4


def test_before_the_server_has_spoken_a_hundred_calls_may_be_open() -> None:
    server = RawServer()
    for _ in range(150):
        server.peer.open(METHOD)
    server.seen += server.h2.receive_data(server.peer.data_to_send())
    assert len(server.saw(h2_events.RequestReceived)) == 100
    server.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1000})
    server.settle()
    assert len(server.saw(h2_events.RequestReceived)) == 150


def test_an_error_with_megabytes_of_details_arrives_in_continuation_frames() -> None:
    pair = Pair(client=Limits(max_frame=16384))
    stream = pair.client.open(METHOD)
    pair.settle()
    details = bytes(range(256)) * 8192  # 171 frames in base64; h2 alone stops at 64
    pair.server.finish(stream, Status(Code.UNKNOWN, "boom", details))
    client, _ = pair.settle()
    assert client == [Finished(stream, Code.UNKNOWN, "boom", details)]
    assert len(pair.sent[Role.SERVER]) > 170 * 16384


def test_headers_over_the_limit_end_the_connection_cleanly() -> None:
    pair = Pair(client=Limits(max_headers=10_000))
    stream = pair.client.open(METHOD)
    pair.settle()
    pair.server.finish(stream, Status(2, details=b"x" * 100_000))
    (closed,), _ = pair.settle()
    assert isinstance(closed, ConnectionClosed)
    assert "header list larger than 10000" in closed.reason
    (lost,) = pair.server.receive(b"")
    assert isinstance(lost, ConnectionClosed)
    assert f"HTTP/2 error {ErrorCodes.ENHANCE_YOUR_CALM.value} " in lost.reason


@pytest.mark.parametrize(
    ("data", "code", "text"),
    [
        (encode_message(b"x" * 101), Code.RESOURCE_EXHAUSTED, "101 bytes, the limit is 100"),
        (b"\x01\x00\x00\x00\x01x", Code.UNIMPLEMENTED, "compressed"),
        (b"\x07\x00\x00\x00\x01x", Code.INTERNAL, "flags 0x07"),
    ],
)
def test_a_message_that_cannot_be_taken_ends_its_call_only(
    data: bytes, code: Code, text: str
) -> None:
    server, stream = opened(Limits(max_message=100))
    server.h2.send_headers(stream, ANSWER)
    server.h2.send_data(stream, encode_message(b"fine") + data)
    events = server.settle()
    assert kinds(events) == ["ResponseStarted", "MessageReceived", "Finished"]
    end = finished(list(events))
    assert end.code is code
    assert text in end.message
    (reset,) = server.saw(h2_events.StreamReset)
    assert isinstance(reset, h2_events.StreamReset)
    assert reset.error_code == ErrorCodes.CANCEL
    assert server.peer.open(METHOD) == stream + 2

    client = RawClient(Peer(Role.SERVER, limits=Limits(max_message=100)))
    events = client.ask(data=data)
    assert kinds(events) == ["RequestStarted", "Finished"]
    (answer,) = client.saw(h2_events.ResponseReceived)
    assert isinstance(answer, h2_events.ResponseReceived)
    assert (b"grpc-status", str(code.value).encode()) in answer.headers


# Answers that are not what gRPC says.


@pytest.mark.parametrize(
    ("headers", "code", "text"),
    [
        ((("content-type", "text/html"), (":status", "503")), Code.UNAVAILABLE, "status 503"),
        (((":status", "200"), ("content-type", "text/html")), Code.UNKNOWN, "'text/html'"),
        (((":status", "404"), ("content-type", "application/grpc")), Code.UNIMPLEMENTED, "404"),
        ((("content-type", "application/grpc"),), Code.UNKNOWN, "HTTP status ,"),
    ],
)
@pytest.mark.parametrize("ends", [True, False])
def test_an_answer_that_is_no_grpc_ends_the_call(
    headers: tuple[tuple[str, str], ...], code: Code, text: str, *, ends: bool
) -> None:
    server, stream = opened()
    server.h2.config.normalize_outbound_headers = False
    server.h2.send_headers(stream, headers, end_stream=ends)
    end = finished(list(server.settle()))
    assert end.code is code
    assert text in end.message
    assert bool(server.saw(h2_events.StreamReset)) is not ends


def test_a_grpc_status_counts_more_than_the_http_status() -> None:
    server, stream = opened()
    server.h2.send_headers(
        stream, ((":status", "503"), ("grpc-status", "5"), ("grpc-message", "x")), end_stream=True
    )
    assert server.settle() == [Finished(stream, Code.NOT_FOUND, "x")]


def test_informational_headers_are_skipped() -> None:
    server, stream = opened()
    server.h2.send_headers(stream, ((":status", "103"),))
    server.h2.send_headers(stream, ANSWER)
    server.h2.send_headers(stream, OK_TRAILERS, end_stream=True)
    assert kinds(server.settle()) == ["ResponseStarted", "Finished"]


@pytest.mark.parametrize("message", ["ends in a blank ", " starts with one", "tab\tinside"])
def test_a_message_that_http_forbids_is_still_shown(message: str) -> None:
    server, stream = opened()
    server.h2.config.normalize_outbound_headers = False
    trailers = ((":status", "200"), ("grpc-status", "2"), ("grpc-message", message))
    server.h2.send_headers(stream, trailers, end_stream=True)
    assert finished(list(server.settle())).message == message


def test_trailers_without_a_status_are_unknown() -> None:
    server, stream = opened()
    server.h2.send_headers(stream, ANSWER)
    server.h2.send_headers(stream, (("other", "1"),), end_stream=True)
    end = finished(list(server.settle()))
    assert (end.code, end.metadata) == (Code.UNKNOWN, (("other", "1"),))


def test_an_answer_without_trailers_is_internal() -> None:
    server, stream = opened()
    server.h2.send_headers(stream, ANSWER)
    server.h2.send_data(stream, encode_message(b"x"), end_stream=True)
    events = server.settle()
    assert kinds(events) == ["ResponseStarted", "MessageReceived", "Finished"]
    assert finished(list(events)).code is Code.INTERNAL


@pytest.mark.parametrize(("status", "code"), [("0", Code.INTERNAL), ("5", Code.NOT_FOUND)])
def test_success_in_the_middle_of_a_message_is_none(status: str, code: Code) -> None:
    server, stream = opened()
    server.h2.send_headers(stream, ANSWER)
    server.h2.send_data(stream, encode_message(b"whole") + b"\x00\x00")
    server.h2.send_headers(stream, (("grpc-status", status),), end_stream=True)
    assert finished(list(server.settle())).code == code


@pytest.mark.parametrize(
    ("error", "code"),
    [(ErrorCodes.REFUSED_STREAM, Code.UNAVAILABLE), (ErrorCodes.CANCEL, Code.CANCELLED)],
)
def test_a_reset_ends_the_call(error: ErrorCodes, code: Code) -> None:
    server, stream = opened()
    server.h2.reset_stream(stream, error)
    end = finished(list(server.settle()))
    assert end.code is code
    assert error.name in end.message


# The end of the connection.


def goodbye(last: int, error: int = 0, why: bytes = b"") -> bytes:
    return GoAwayFrame(0, last_stream_id=last, error_code=error, additional_data=why).serialize()


def test_after_goaway_the_calls_below_its_last_stream_still_finish() -> None:
    server, taken = opened()
    refused = server.peer.open(METHOD)
    server.settle()
    events = server.say(goodbye(taken, why=b"shutting down"))
    assert finished(list(events)).stream == refused
    assert finished(list(events)).code is Code.UNAVAILABLE
    with pytest.raises(ConnectionLost, match="shutting down"):
        server.peer.open(METHOD)
    server.h2.send_headers(taken, ANSWER)
    server.h2.send_data(taken, encode_message(b"answer"))
    server.h2.send_headers(taken, OK_TRAILERS, end_stream=True)
    assert kinds(server.settle()) == ["ResponseStarted", "MessageReceived", "Finished"]
    (closed,) = server.peer.receive(b"")
    assert isinstance(closed, ConnectionClosed)
    assert "shutting down" in closed.reason


def test_goaway_refuses_calls_that_have_not_left() -> None:
    server, first = opened()
    server.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
    server.settle()
    waiting = server.peer.open(METHOD)
    server.settle()
    assert finished(list(server.say(goodbye(2**31 - 1)))).stream == waiting
    server.peer.cancel(first)
    server.settle()
    assert len(server.saw(h2_events.RequestReceived)) == 1


def test_a_client_that_says_goodbye_still_gets_its_answers() -> None:
    client = RawClient()
    client.ask()
    assert client.say(goodbye(0)) == []
    client.peer.finish(1)
    client.settle()
    assert client.saw(h2_events.StreamEnded)


def test_end_of_input_closes_once_and_for_all() -> None:
    server, stream = opened()
    assert server.peer.receive(b"") == [ConnectionClosed("the peer closed the connection")]
    assert server.peer.receive(b"") == []
    assert server.peer.receive(b"more") == []
    with pytest.raises(ConnectionLost, match="closed the connection"):
        server.peer.open(METHOD)
    with pytest.raises(ConnectionLost):
        server.peer.send_message(stream, b"")
    server.peer.cancel(stream)
    assert repr(server.peer) == ("<Peer client, 0 calls, closed: the peer closed the connection>")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak HTTP/2"),
        (SettingsFrame(0).serialize() + b"\xff" * 9, "16777215 bytes"),
        (SettingsFrame(0, settings={4: 2**31}).serialize(), "broke HTTP/2"),
        (
            SettingsFrame(0).serialize() + ContinuationFrame(1, data=b"").serialize(),
            "broke HTTP/2",
        ),
        (
            SettingsFrame(0).serialize()
            + PushPromiseFrame(
                1, promised_stream_id=2, data=b"", flags=("END_HEADERS",)
            ).serialize(),
            "broke HTTP/2",
        ),
    ],
)
def test_what_is_no_http2_closes_the_connection_with_a_reason(data: bytes, text: str) -> None:
    client = Peer(Role.CLIENT)
    client.open(METHOD)
    client.data_to_send()
    (closed,) = client.receive(data)
    assert isinstance(closed, ConnectionClosed)
    assert text in closed.reason
    assert b"\x07\x00\x00\x00\x00\x00" in client.data_to_send()  # GOAWAY on stream 0
    assert client.data_to_send() == b""


# Requests that are not what gRPC says.


@pytest.mark.parametrize(
    ("change", "http_status"),
    [((":method", "GET"), b"405"), (("content-type", "text/html"), b"415")],
)
def test_a_request_that_is_no_grpc_is_refused_in_http(
    change: tuple[str, str], http_status: bytes
) -> None:
    client = RawClient()
    assert client.ask([*{**dict(REQUEST), change[0]: change[1]}.items()], b"junk") == []
    (answer,) = client.saw(h2_events.ResponseReceived)
    assert isinstance(answer, h2_events.ResponseReceived)
    assert answer.headers == [(b":status", http_status)]


def test_a_malformed_timeout_is_refused() -> None:
    client = RawClient()
    assert client.ask((*REQUEST, ("grpc-timeout", "soon")), b"junk") == []
    (answer,) = client.saw(h2_events.ResponseReceived)
    assert isinstance(answer, h2_events.ResponseReceived)
    assert (b"grpc-status", b"13") in answer.headers


def test_a_request_cut_short_is_answered_and_told() -> None:
    client = RawClient()
    events = client.ask(data=b"\x00\x00\x00\x00\x09half")
    assert kinds(events) == ["RequestStarted", "Finished"]
    (answer,) = client.saw(h2_events.ResponseReceived)
    assert isinstance(answer, h2_events.ResponseReceived)
    assert (b"grpc-message", b"the peer ended in the middle of a message") in answer.headers


def test_a_clients_trailers_only_end_its_side() -> None:
    client = RawClient()
    client.h2.send_headers(1, REQUEST)
    client.h2.send_headers(1, (("grpc-status", "5"),), end_stream=True)
    assert kinds(client.settle()) == ["RequestStarted", "HalfClosed"]
