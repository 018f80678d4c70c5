"""The edges over real descriptors: pipes that fill up, sides that go away, prints that stray."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cog_frontend.rpc import Code, Connection, ConnectionLost, Peer, Role, RpcError
from cog_frontend.rpc.dispatch import unary
from cog_frontend.rpc.server import Server

HERE = Path(__file__).parent
PATIENCE = 30.0  # seconds, for what must happen and would otherwise hang the run


@contextmanager
def child(script: str) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """A script of this folder, and the descriptors to read its stdout and write its stdin."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, str(HERE / script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        bufsize=0,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    guard = threading.Timer(PATIENCE, process.kill)
    guard.start()
    try:
        with process:
            yield process, os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno())
    finally:
        guard.cancel()
        guard.join()


def test_both_pipes_may_be_full_at_once() -> None:
    upload = b"y" * 2_000_000
    with child("blocking_server.py") as (process, read_fd, write_fd):
        assert process.stdin is not None
        process.stdin.close()
        with Connection(read_fd, write_fd) as connection:
            calls = [connection.open("/test.Service/Count") for _ in range(3)]
            for call in calls:
                call.send(upload)
                call.end()
            for call in calls:
                answers = [call.receive(), call.receive(), call.receive()]
                assert answers == [b"x" * (1 << 20), b"2000000", None]
        assert process.wait(PATIENCE) == 0


def test_stray_output_of_a_frontend_cannot_reach_the_stream() -> None:
    with child("stray_client.py") as (process, read_fd, write_fd):
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.close()
        server = Server(read_fd, write_fd, {"/test.Service/Echo": unary(lambda data: data)})
        assert server.serve() == "the peer closed the connection"
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read().splitlines() == [
            b"stray print",
            b"stray write",
            b"stray child",
            b"read 0, answer 100000",
        ]


def test_the_first_call_leaves_in_one_write() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fd = ours.detach()
    with theirs, Connection(fd, fd) as connection:
        connection.start("/test.Service/Echo", b"x" * 3000)
        first = theirs.recv(100_000)
    names = [type(event).__name__ for event in Peer(Role.SERVER).receive(first)]
    assert names == ["RequestStarted", "MessageReceived", "HalfClosed"]


def test_every_step_of_a_call_leaves_at_once_and_is_acknowledged() -> None:
    (read_fd, their_write), (their_read, write_fd) = os.pipe(), os.pipe()
    os.set_blocking(their_read, False)  # what has not left is an error here, not a wait
    server = Peer(Role.SERVER)

    def heard() -> list[str]:
        return [type(event).__name__ for event in server.receive(os.read(their_read, 100_000))]

    with Connection(read_fd, write_fd) as connection:
        call = connection.open("/test.Service/Echo")
        assert heard() == ["RequestStarted"]
        call.send(b"x")
        assert heard() == ["MessageReceived"]
        call.end()
        assert heard() == ["HalfClosed"]
        server.send_message(1, b"answer")
        server.finish(1)
        os.write(their_write, server.data_to_send())
        assert call.result() == b"answer"
        assert os.read(their_read, 100_000)  # that the server's settings are in force
    os.close(their_write)
    os.close(their_read)


def test_a_server_that_goes_away_loses_the_calls() -> None:
    (read_fd, their_write), (their_read, write_fd) = os.pipe(), os.pipe()
    with Connection(read_fd, write_fd) as connection:
        call = connection.start("/test.Service/Echo", b"x")
        os.close(their_write)
        with pytest.raises(ConnectionLost, match="closed the connection"):
            call.result()
        with pytest.raises(ConnectionLost, match="closed the connection"):
            connection.start("/test.Service/Echo", b"x")
    os.close(their_read)


def test_a_server_that_stops_reading_is_gone_though_its_other_side_stays_open() -> None:
    (read_fd, their_write), (their_read, write_fd) = os.pipe(), os.pipe()
    with Connection(read_fd, write_fd) as connection:
        call = connection.start("/test.Service/Echo", b"x")
        os.close(their_read)
        with pytest.raises(ConnectionLost):
            call.result()
    os.close(their_write)


def test_what_a_server_said_before_it_went_is_still_heard() -> None:
    (read_fd, their_write), (their_read, write_fd) = os.pipe(), os.pipe()
    server = Peer(Role.SERVER)
    with Connection(read_fd, write_fd) as connection:
        call = connection.start("/test.Service/Echo", b"x")
        server.receive(os.read(their_read, 100_000))
        server.send_message(1, b"answer")
        server.finish(1)
        os.close(their_read)
        os.write(their_write, server.data_to_send())
        later = connection.open("/test.Service/Echo")
        later.send(b"y" * 1_000_000)
        assert call.result() == b"answer"
        with pytest.raises(ConnectionLost):
            later.receive()
    os.close(their_write)


def test_garbage_from_the_server_is_an_error_with_its_first_bytes() -> None:
    (read_fd, their_write), (their_read, write_fd) = os.pipe(), os.pipe()
    os.write(their_write, b"Traceback (most recent call last)")
    with (
        Connection(read_fd, write_fd) as connection,
        pytest.raises(ConnectionLost, match="it began with b'Traceback'"),
    ):
        connection.call("/test.Service/Echo", b"x")
    os.close(their_write)
    os.close(their_read)


def test_a_closed_connection_touches_no_descriptor() -> None:
    (read_fd, their_write), (their_read, write_fd) = os.pipe(), os.pipe()
    connection = Connection(read_fd, write_fd)
    call = connection.open("/test.Service/Echo")
    connection.close()
    reused = os.pipe()  # very likely with the numbers that were just closed
    connection.close()
    call.send(b"x")
    call.cancel()
    connection.pump(0)
    with pytest.raises(ConnectionLost, match="closed here"):
        connection.start("/test.Service/Echo", b"x")
    with pytest.raises(ConnectionLost, match="closed here"):
        call.receive()
    os.close(reused[1])
    assert os.read(reused[0], 1) == b""
    for fd in (their_write, their_read, reused[0]):
        os.close(fd)


def test_a_cancelled_call_stays_cancelled_when_the_connection_is_lost() -> None:
    (read_fd, their_write), (their_read, write_fd) = os.pipe(), os.pipe()
    with Connection(read_fd, write_fd) as connection:
        call = connection.start("/test.Service/Echo", b"x")
        call.cancel()
    with pytest.raises(RpcError) as caught:
        call.result()
    assert caught.value.code is Code.CANCELLED
    os.close(their_write)
    os.close(their_read)


def test_descriptors_are_given_back_blocking() -> None:
    (read_fd, their_write), (their_read, write_fd) = os.pipe(), os.pipe()
    shared = os.dup(read_fd), os.dup(write_fd)
    with Connection(read_fd, write_fd):
        assert [os.get_blocking(fd) for fd in shared] == [False, False]
    assert [os.get_blocking(fd) for fd in shared] == [True, True]
    for fd in (their_write, their_read, *shared):
        os.close(fd)


def test_the_first_request_needs_no_heavy_import() -> None:
    script = "import sys, cog_frontend.rpc; print(*sorted(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    found = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in found.stdout.split()}
    heavy = {"asyncio", "email", "google", "http", "json", "pydantic", "socket", "ssl", "urllib"}
    assert not loaded & heavy
