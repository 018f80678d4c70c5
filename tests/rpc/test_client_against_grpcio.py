"""Our client against gRPC's own server, over a unix socket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

from cog_frontend.rpc import Code, Connection, ConnectionLost, Limits, RpcError

LIMIT = 64 * 1024 * 1024
OPTIONS = [
    ("grpc.max_receive_message_length", LIMIT),
    ("grpc.max_send_message_length", LIMIT),
    ("grpc.max_metadata_size", LIMIT),
    ("grpc.absolute_max_metadata_size", LIMIT),
]
PATIENCE = 30.0  # seconds, for what must happen and would otherwise hang the run

Context = Any  # grpcio has no types


class Reference:
    """The service ``test.Service``; ``cancelled`` is set when a client gives a call up."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.entered = threading.Event()

    def echo(self, request: bytes, _: Context) -> bytes:
        return request

    def fail(self, request: bytes, context: Context) -> bytes:
        context.set_trailing_metadata((("grpc-status-details-bin", request),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, " 100% of lines\nfailed: ä ")
        raise AssertionError("abort returned")

    def describe(self, _: bytes, context: Context) -> bytes:
        found = sorted((key, value) for key, value in context.invocation_metadata())
        return repr([pair for pair in found if pair[0] != "user-agent"]).encode()

    def remaining(self, _: bytes, context: Context) -> bytes:
        return str(context.time_remaining()).encode()

    def wait(self, _: bytes, context: Context) -> bytes:
        ended = threading.Event()
        if not context.add_callback(ended.set):
            ended.set()
        self.entered.set()
        assert ended.wait(PATIENCE)
        self.cancelled.set()
        return b""

    def none(self, _: bytes, __: Context) -> Iterator[bytes]:
        return iter(())

    def echo_all(self, requests: Iterator[bytes], _: Context) -> Iterator[bytes]:
        return iter(requests)

    def handler(self) -> Any:
        unary = grpc.unary_unary_rpc_method_handler
        methods = {
            "Echo": unary(self.echo),
            "Fail": unary(self.fail),
            "Describe": unary(self.describe),
            "Remaining": unary(self.remaining),
            "Wait": unary(self.wait),
            "None": grpc.unary_stream_rpc_method_handler(self.none),
            "EchoAll": grpc.stream_stream_rpc_method_handler(self.echo_all),
        }
        return grpc.method_handlers_generic_handler("test.Service", methods)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("grpc") / "socket"


@pytest.fixture(scope="module")
def service(path: Path) -> Iterator[Reference]:
    reference = Reference()
    with futures.ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, options=OPTIONS)
        server.add_generic_rpc_handlers((reference.handler(),))
        server.add_insecure_port(f"unix:{path}")
        server.start()
        yield reference
        server.stop(None).wait()


@pytest.fixture
def connect(path: Path, service: Reference) -> Callable[..., Connection]:
    assert service is not None

    def connect(**options: Any) -> Connection:
        with socket.socket(socket.AF_UNIX) as connected:
            connected.connect(str(path))
            fd = connected.detach()
        return Connection(fd, fd, **options)

    return connect


@pytest.fixture
def connection(connect: Callable[..., Connection]) -> Iterator[Connection]:
    with connect() as connection:
        yield connection


def test_a_call_has_its_answer(connection: Connection) -> None:
    assert connection.call("/test.Service/Echo", b"hello") == b"hello"
    assert connection.call("/test.Service/Echo", b"") == b""


def test_twenty_megabytes_go_there_and_back(connection: Connection) -> None:
    data = os.urandom(20_000_000)
    assert connection.call("/test.Service/Echo", data) == data


def test_many_calls_share_the_connection_and_end_in_any_order(connection: Connection) -> None:
    requests = [b"%d " % number * (number % 7 * 3000) for number in range(300)]
    calls = [connection.start("/test.Service/Echo", request) for request in requests]
    for call, request in reversed(list(zip(calls, requests, strict=True))):
        assert call.result() == request


def test_a_failure_keeps_its_code_message_and_details(connection: Connection) -> None:
    with pytest.raises(RpcError) as caught:
        connection.call("/test.Service/Fail", b"\x08\x02details")
    assert (caught.value.code, caught.value.message, caught.value.details) == (
        Code.FAILED_PRECONDITION,
        " 100% of lines\nfailed: ä ",
        b"\x08\x02details",
    )
    assert connection.call("/test.Service/Echo", b"still there") == b"still there"


def test_a_failure_may_carry_megabytes(connection: Connection) -> None:
    details = os.urandom(3_000_000)
    with pytest.raises(RpcError) as caught:
        connection.call("/test.Service/Fail", details)
    assert caught.value.details == details


def test_metadata_arrives(connection: Connection) -> None:
    metadata: list[tuple[str, str | bytes]] = [("key", "a"), ("key", "b"), ("raw-bin", b"\0\xff")]
    answer = connection.call("/test.Service/Describe", b"", metadata)
    assert answer.decode() == repr(sorted(metadata))


def test_an_unknown_method_is_unimplemented(connection: Connection) -> None:
    with pytest.raises(RpcError) as caught:
        connection.call("/test.Service/Nothing", b"")
    assert caught.value.code == Code.UNIMPLEMENTED


def test_a_call_without_its_one_answer_is_internal(connection: Connection) -> None:
    with pytest.raises(RpcError, match="0 messages instead of one"):
        connection.call("/test.Service/None", b"")


def test_messages_go_both_ways_on_one_call(connection: Connection) -> None:
    call = connection.open("/test.Service/EchoAll")
    for number in range(50):
        call.send(b"%d" % number)
        assert call.receive() == b"%d" % number
    call.send(b"x" * 300_000)
    call.send(b"last")
    call.end()
    assert [call.receive(), call.receive(), call.receive()] == [b"x" * 300_000, b"last", None]
    call.send(b"dropped")
    call.end()
    assert call.receive() is None


def test_a_message_over_our_limit_ends_its_call_only(connect: Callable[..., Connection]) -> None:
    with connect(limits=Limits(max_message=1000)) as connection:
        kept = connection.start("/test.Service/Echo", b"x" * 1000)
        with pytest.raises(RpcError, match="1001 bytes, the limit is 1000") as caught:
            connection.call("/test.Service/Echo", b"x" * 1001)
        assert caught.value.code is Code.RESOURCE_EXHAUSTED
        assert kept.result() == b"x" * 1000


def test_the_server_is_told_the_timeout(connection: Connection) -> None:
    remaining = float(connection.call("/test.Service/Remaining", b"", timeout=PATIENCE))
    assert 0 < remaining <= PATIENCE


def test_a_call_whose_time_is_over_ends_here_and_there(
    connect: Callable[..., Connection], service: Reference
) -> None:
    times = iter([0.0, PATIENCE + 1])  # the call starts, then its first wait finds its time over
    service.cancelled.clear()
    service.entered.clear()
    with connect(clock=lambda: next(times)) as connection:
        call = connection.start("/test.Service/Wait", b"", timeout=PATIENCE)
        assert service.entered.wait(PATIENCE)
        with pytest.raises(RpcError) as caught:
            call.result()
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        assert connection.call("/test.Service/Echo", b"next") == b"next"
    assert service.cancelled.wait(PATIENCE)


def test_the_server_may_be_the_one_to_end_a_late_call(connection: Connection) -> None:
    call = connection.open("/test.Service/Wait", timeout=0.05)
    with pytest.raises(RpcError) as caught:
        call.receive()
    assert caught.value.code == Code.DEADLINE_EXCEEDED


def test_a_cancelled_call_ends_here_and_there(connection: Connection, service: Reference) -> None:
    service.cancelled.clear()
    service.entered.clear()
    call = connection.start("/test.Service/Wait", b"")
    assert service.entered.wait(PATIENCE)
    call.cancel()
    call.cancel()
    assert service.cancelled.wait(PATIENCE)
    for outcome in (call.result, call.receive):
        with pytest.raises(RpcError) as caught:
            outcome()
        assert caught.value.code is Code.CANCELLED
    assert connection.call("/test.Service/Echo", b"still there") == b"still there"


def test_calls_are_lost_when_the_server_stops(tmp_path: Path) -> None:
    reference = Reference()
    with futures.ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool, options=OPTIONS)
        server.add_generic_rpc_handlers((reference.handler(),))
        server.add_insecure_port(f"unix:{tmp_path}/socket")
        server.start()
        with socket.socket(socket.AF_UNIX) as connected:
            connected.connect(f"{tmp_path}/socket")
            fd = connected.detach()
        with Connection(fd, fd) as connection:
            call = connection.start("/test.Service/Wait", b"")
            assert reference.entered.wait(PATIENCE)
            stopped = server.stop(None)
            with pytest.raises(RpcError) as caught:
                call.result()
            assert caught.value.code in {Code.UNAVAILABLE, Code.CANCELLED}
            stopped.wait()
            with pytest.raises(RpcError) as caught:
                connection.call("/test.Service/Echo", b"")
            assert caught.value.code is Code.UNAVAILABLE


def test_a_closed_connection_loses_its_calls(connection: Connection, service: Reference) -> None:
    service.entered.clear()
    call = connection.start("/test.Service/Wait", b"")
    assert service.entered.wait(PATIENCE)
    connection.close()
    with pytest.raises(ConnectionLost, match="closed here"):
        call.result()
    connection.close()
