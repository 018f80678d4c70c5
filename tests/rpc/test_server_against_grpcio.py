"""gRPC's own client against our server, over a unix socket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from cog_frontend.rpc import Code, Limits, RequestStarted, RpcError
from cog_frontend.rpc.dispatch import RECEIVE, Dialogue, Handler, unary
from cog_frontend.rpc.server import Server

LIMIT = 64 * 1024 * 1024
OPTIONS = [
    ("grpc.max_receive_message_length", LIMIT),
    ("grpc.max_send_message_length", LIMIT),
    ("grpc.max_metadata_size", LIMIT),
    ("grpc.absolute_max_metadata_size", LIMIT),
    ("grpc.enable_retries", 0),
]
PATIENCE = 30.0  # seconds, for what must happen and would otherwise hang the run


class Service:
    """The handlers; ``stopped`` is set when a handler was closed from outside."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.reported: list[Exception] = []

    def echo_all(self, _: RequestStarted) -> Dialogue:
        while (message := (yield RECEIVE)) is not None:
            yield message

    def fail(self, _: RequestStarted) -> Dialogue:
        details = yield RECEIVE
        raise RpcError(Code.FAILED_PRECONDITION, " 100% of lines\nfailed: ä ", details or b"")

    def describe(self, request: RequestStarted) -> Dialogue:
        found = [pair for pair in request.metadata if pair[0] != "user-agent"]
        yield repr((request.timeout is not None, sorted(found))).encode()

    def wait(self, _: RequestStarted) -> Dialogue:
        try:
            yield b"waiting"
            yield RECEIVE
            yield RECEIVE
        finally:
            self.stopped.set()

    def early(self, _: RequestStarted) -> Dialogue:
        yield b"enough"

    def flood(self, _: RequestStarted) -> Dialogue:
        for number in range(200):
            yield b"%d" % number * 10_000

    def bug(self, _: RequestStarted) -> Dialogue:
        yield RECEIVE
        raise KeyError("secret")

    def handlers(self) -> dict[str, Handler]:
        return {
            "/test.Service/Echo": unary(lambda request: request),
            "/test.Service/EchoAll": self.echo_all,
            "/test.Service/Fail": self.fail,
            "/test.Service/Describe": self.describe,
            "/test.Service/Wait": self.wait,
            "/test.Service/Early": self.early,
            "/test.Service/Flood": self.flood,
            "/test.Service/Bug": self.bug,
        }


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def channel(service: Service, tmp_path: Path) -> Iterator[Any]:
    """A channel to a server that serves one connection in a thread."""
    ends: list[str] = []

    def serve() -> None:
        connected, _ = listening.accept()
        fd = connected.detach()
        limits = Limits(max_message=LIMIT)
        report = service.reported.append
        ends.append(Server(fd, fd, service.handlers(), limits=limits, report=report).serve())

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        with grpc.insecure_channel(f"unix:{tmp_path}/socket", options=OPTIONS) as channel:
            yield channel
        thread.join(PATIENCE)
    assert len(ends) == 1
    assert "closed the connection" in ends[0]


def test_a_call_has_its_answer(channel: Any) -> None:
    echo = channel.unary_unary("/test.Service/Echo")
    assert echo(b"hello", timeout=PATIENCE) == b"hello"
    assert echo(b"", timeout=PATIENCE) == b""


def test_twenty_megabytes_go_there_and_back(channel: Any) -> None:
    data = os.urandom(20_000_000)
    assert channel.unary_unary("/test.Service/Echo")(data, timeout=PATIENCE) == data


def test_many_calls_share_the_connection(channel: Any) -> None:
    echo = channel.unary_unary("/test.Service/Echo")
    requests = [b"%d " % number * (number % 7 * 3000) for number in range(300)]
    calls = [echo.future(request, timeout=PATIENCE) for request in requests]
    assert [call.result() for call in calls] == requests


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_a_failure_keeps_its_code_message_and_details(channel: Any, size: int) -> None:
    details = os.urandom(size)
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/test.Service/Fail")(details, timeout=PATIENCE)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == " 100% of lines\nfailed: ä "
    trailing = dict(error.trailing_metadata())
    assert trailing.get("grpc-status-details-bin", b"") == details


def test_metadata_and_timeout_arrive(channel: Any) -> None:
    metadata = (("key", "a"), ("key", "b"), ("raw-bin", b"\0\xff"))
    describe = channel.unary_unary("/test.Service/Describe")
    answer = describe(b"", metadata=metadata, timeout=PATIENCE)
    assert answer.decode() == repr((True, sorted(metadata)))


def test_an_unknown_method_is_unimplemented(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/test.Service/Nothing")(b"x" * 100_000, timeout=PATIENCE)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert error.details() == "unknown method /test.Service/Nothing"


def test_messages_go_both_ways_on_one_call(channel: Any) -> None:
    requests = [b"%d" % number * 1000 for number in range(100)]
    calls = channel.stream_stream("/test.Service/EchoAll")(iter(requests), timeout=PATIENCE)
    assert list(calls) == requests


def test_a_long_answer_arrives_whole(channel: Any) -> None:
    found = list(channel.unary_stream("/test.Service/Flood")(b"", timeout=PATIENCE))
    assert found == [b"%d" % number * 10_000 for number in range(200)]


def test_a_handler_may_end_before_its_client(channel: Any) -> None:
    ended = threading.Event()

    def requests() -> Iterator[bytes]:
        yield b"first"
        assert ended.wait(PATIENCE)

    answers = channel.stream_stream("/test.Service/Early")(requests(), timeout=PATIENCE)
    assert list(answers) == [b"enough"]
    ended.set()


def test_a_cancelled_call_closes_its_handler(channel: Any, service: Service) -> None:
    answers = channel.unary_stream("/test.Service/Wait")(b"", timeout=PATIENCE)
    assert next(answers) == b"waiting"
    answers.cancel()
    assert service.stopped.wait(PATIENCE)


def test_a_late_call_closes_its_handler(channel: Any, service: Service) -> None:
    def requests() -> Iterator[bytes]:
        yield b"first"
        service.stopped.wait(PATIENCE)

    answers = channel.stream_stream("/test.Service/Wait")(requests(), timeout=0.1)
    with pytest.raises(grpc.RpcError) as caught:
        list(answers)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert service.stopped.wait(PATIENCE)


def test_a_bug_is_reported_here_and_tells_the_client_nothing(
    channel: Any, service: Service
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/test.Service/Bug")(b"", timeout=PATIENCE)
    error: Any = caught.value
    assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "the handler failed")
    assert [repr(reported) for reported in service.reported] == ["KeyError('secret')"]
    assert channel.unary_unary("/test.Service/Echo")(b"on", timeout=PATIENCE) == b"on"


def test_a_unary_call_without_a_request_is_refused(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary("/test.Service/Echo")(iter(()), timeout=PATIENCE)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
