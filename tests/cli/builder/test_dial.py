"""Connections of every kind carry gRPC: an echo server behind each of them."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cog_cli.builder.dial import DialError, dialled, upgrade
from cog_cli.builder.endpoint import Address, Command, TcpSocket, Tls, UnixSocket
from cog_frontend.rpc import Connection
from cog_frontend.rpc.dispatch import unary
from cog_frontend.rpc.server import Server

ECHO = "/test.Echo/Echo"
BIG = os.urandom(3_000_000)


def serve(connection: socket.socket) -> None:
    fd = connection.detach()
    Server(fd, fd, {ECHO: unary(lambda data: data)}).serve()


@contextmanager
def listening(listener: socket.socket, handle: Callable[[socket.socket], None]) -> Iterator[None]:
    """Handle each connection in a thread while the block runs."""
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=handle, args=(connection,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for thread in threads:
            thread.join()


def echo(address: Address) -> bytes:
    with dialled(address) as line, Connection(line.read_fd, line.write_fd) as connection:
        return connection.call(ECHO, BIG)


def test_a_unix_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("s")
    listener.listen()
    with listening(listener, serve):
        assert echo(UnixSocket("s")) == BIG


def test_a_port() -> None:
    with listening(listener := socket.create_server(("127.0.0.1", 0)), serve):
        assert echo(TcpSocket("127.0.0.1", listener.getsockname()[1])) == BIG


PROGRAM = """
import sys
from cog_frontend.rpc.dispatch import unary
from cog_frontend.rpc.server import Server
Server(0, 1, {"/test.Echo/Echo": unary(lambda data: data)}).serve()
"""


def test_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    assert echo(Command((sys.executable, "-c", PROGRAM))) == BIG


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2"),
            *("-subj", "/CN=builder", "-addext", "subjectAltName=DNS:builder"),
        ],
        check=True,
        capture_output=True,
    )
    cert, key = folder / "cert.pem", folder / "key.pem"
    return Tls(ca=cert, certificate=cert, key=key, server_name="builder")


@contextmanager
def tls_server(certificate: Tls) -> Iterator[int]:
    """A server that asks for a certificate; its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    assert certificate.certificate
    context.load_cert_chain(certificate.certificate, certificate.key)

    def handle(plain: socket.socket) -> None:
        try:
            secured = context.wrap_socket(plain, server_side=True)
            secured.settimeout(0.05)
        except (OSError, ssl.SSLError):
            plain.close()
            return
        ours, inner = socket.socketpair()
        server = threading.Thread(target=serve, args=(ours,))
        server.start()
        inner.setblocking(False)
        with secured, inner:
            _pass_on(secured, inner)
        server.join()

    with listening(listener := socket.create_server(("127.0.0.1", 0)), handle):
        yield listener.getsockname()[1]


def _pass_on(secured: ssl.SSLSocket, inner: socket.socket) -> None:
    while True:
        try:
            data = secured.recv(65536)
            if not data:
                return
            inner.setblocking(True)
            inner.sendall(data)
            inner.setblocking(False)
        except TimeoutError:
            pass
        except OSError:
            return
        try:
            while data := inner.recv(65536):
                secured.settimeout(None)
                secured.sendall(data)
                secured.settimeout(0.05)
        except BlockingIOError:
            pass
        except OSError:
            return


def test_tls_with_certificates_on_both_sides(certificate: Tls) -> None:
    with tls_server(certificate) as port:
        assert echo(TcpSocket("127.0.0.1", port, certificate)) == BIG


def test_a_server_that_is_somebody_else_is_refused(certificate: Tls) -> None:
    with (
        tls_server(certificate) as port,
        pytest.raises(DialError, match="certificate"),
        dialled(TcpSocket("127.0.0.1", port, Tls(ca=certificate.ca))),
    ):
        pass


def test_tls_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with (
        listening(listener := socket.create_server(("127.0.0.1", 0)), socket.socket.close),
        pytest.raises(DialError, match=r"none\.pem"),
        dialled(TcpSocket("127.0.0.1", listener.getsockname()[1], Tls(ca=tmp_path / "none.pem"))),
    ):
        pass


@pytest.mark.parametrize(
    "address",
    [UnixSocket("/none/none.sock"), TcpSocket("127.0.0.1", 1), Command(("no-such-program",))],
)
def test_nobody_answers(address: Address) -> None:
    with pytest.raises(DialError), dialled(address):
        pass


def answering(text: bytes) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        with connection:
            seen = b""
            while not seen.endswith(b"\r\n\r\n"):
                seen += connection.recv(1000)
            assert b"POST /grpc HTTP/1.1\r\n" in seen
            assert b"\r\nX-A: 1\r\n" in seen
            connection.sendall(text)

    return handle


def test_what_follows_an_upgrade_is_left_for_its_reader() -> None:
    head = b"HTTP/1.1 101 UPGRADED\r\nUpgrade: h2c\r\n\r\n"
    with (
        listening(listener := socket.create_server(("127.0.0.1", 0)), answering(head + b"rest")),
        dialled(TcpSocket("127.0.0.1", listener.getsockname()[1])) as line,
    ):
        upgrade(line, "/grpc", [("X-A", "1")])
        assert os.read(line.read_fd, 100) == b"rest"
        os.close(line.read_fd)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"),
        (b"", "closed"),
        (b"x" * 70_000, "HTTP"),
    ],
)
def test_an_engine_without_buildkit(text: bytes, reason: str) -> None:
    with (
        listening(listener := socket.create_server(("127.0.0.1", 0)), answering(text)),
        dialled(TcpSocket("127.0.0.1", listener.getsockname()[1])) as line,
    ):
        with pytest.raises(DialError, match=reason):
            upgrade(line, "/grpc", [("X-A", "1")])
        os.close(line.read_fd)
