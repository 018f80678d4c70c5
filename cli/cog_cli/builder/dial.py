"""Connections to a builder: the one place where sockets are opened and programs started for it."""

from __future__ import annotations

import os
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from cog_cli.builder.endpoint import Address, Command, TcpSocket, Tls, UnixSocket
from cog_cli.errors import CliError

_TIMEOUT_SECONDS = 30.0
_READ_SIZE = 256 * 1024
_MAX_HEAD = 64 * 1024


class DialError(CliError):
    """Nothing answers, or not as a builder does."""


@dataclass(frozen=True, slots=True)
class Line:
    """An open connection: descriptors to read and to write, equal for a socket.

    ``hang_up`` ends it for whoever reads, in any thread; a second time it does nothing.
    """

    read_fd: int
    write_fd: int
    hang_up: Callable[[], None]


@contextmanager
def dialled(address: Address) -> Iterator[Line]:
    """Connect for as long as the block runs; its user closes the descriptors. DialError."""
    with ExitStack() as resources:
        try:
            yield _dial(address, resources)
        except (OSError, ssl.SSLError) as error:
            raise DialError(error.strerror or str(error)) from error


def _dial(address: Address, resources: ExitStack) -> Line:
    match address:
        case UnixSocket(path):
            plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            resources.callback(plain.close)
            plain.connect(path)
            return _line(plain, resources)
        case TcpSocket(host, port, tls):
            connected = socket.create_connection((host, port), timeout=_TIMEOUT_SECONDS)
            resources.callback(connected.close)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                return _secured(connected, host, tls, resources)
            connected.settimeout(None)
            return _line(connected, resources)
        case Command(argv):
            return _started(argv, resources)


def _started(argv: Sequence[str], resources: ExitStack) -> Line:
    """A program that is the connection; it ends when its stdin is closed, or is ended."""
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
    except FileNotFoundError as error:
        raise DialError(f"there is no program {argv[0]!r}") from error
    assert child.stdin
    assert child.stdout
    write_fd, read_fd = os.dup(child.stdin.fileno()), os.dup(child.stdout.fileno())
    child.stdin.close()
    child.stdout.close()
    resources.callback(_end, child)
    return Line(read_fd, write_fd, child.terminate)


def _line(end: socket.socket, resources: ExitStack) -> Line:
    """The line of a connected socket; a copy of it stays behind to hang up with."""
    copy = resources.enter_context(end.dup())

    def hang_up() -> None:
        with suppress(OSError):
            copy.shutdown(socket.SHUT_RDWR)

    resources.callback(hang_up)
    fd = end.detach()
    return Line(fd, fd, hang_up)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(2)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def tls_context(tls: Tls) -> ssl.SSLContext:
    """How a server is judged and what we show it; DialError for files that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(file) for file in (tls.ca, tls.certificate, tls.key) if file)
        raise DialError(f"the TLS files {files} cannot be used: {error}") from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def _secured(plain: socket.socket, host: str, tls: Tls, resources: ExitStack) -> Line:
    """TLS between the connection and a pair of plain sockets, whose one end is ours.

    The transport works on descriptors, and TLS has none of its own: a thread moves the bytes.
    """
    session = _Tls(plain, tls_context(tls), tls.server_name or host)
    session.handshake()
    plain.settimeout(None)
    ours, inner = socket.socketpair()
    thread = threading.Thread(target=session.relay, args=(inner,), daemon=True)
    resources.callback(thread.join)
    resources.callback(session.close)
    thread.start()
    return _line(ours, resources)


class _Tls:
    """One TLS session over a connected socket."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    def handshake(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                data = self._plain.recv(_READ_SIZE)
                if not data:
                    raise ConnectionError("it closed the connection") from None
                self._incoming.write(data)
        self._flush()

    def relay(self, inner: socket.socket) -> None:
        """Move bytes both ways until one side ends. The inner side must never block on us."""
        poll = select.poll()
        for end in (self._plain, inner):
            poll.register(end, select.POLLIN)
        with inner, suppress(OSError, ssl.SSLError):
            while ready := {fd for fd, _ in poll.poll()}:
                if inner.fileno() in ready and not self._send(inner.recv(_READ_SIZE)):
                    break
                if self._plain.fileno() in ready and not self._receive(inner):
                    break

    def _send(self, data: bytes) -> bool:
        if data:
            self._tls.write(data)
            self._flush()
        return bool(data)

    def _receive(self, inner: socket.socket) -> bool:
        data = self._plain.recv(_READ_SIZE)
        self._incoming.write(data)
        with suppress(ssl.SSLWantReadError):
            while clear := self._tls.read(_READ_SIZE):
                inner.sendall(clear)
        self._flush()
        return bool(data)

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._plain.sendall(data)

    def close(self) -> None:
        """Close the connection, which ends ``relay`` too."""
        with suppress(OSError):
            self._plain.shutdown(socket.SHUT_RDWR)
        self._plain.close()


def upgrade(line: Line, path: str, headers: Sequence[tuple[str, str]] = ()) -> None:
    """Turn a connection to Docker's HTTP API into one to what is behind ``path``; DialError."""
    words = [("Host", "docker"), ("Connection", "Upgrade"), ("Upgrade", "h2c"), *headers]
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in words)
    os.write(line.write_fd, (head + "Content-Length: 0\r\n\r\n").encode())
    answer = b""
    # One byte at a time: what follows the head belongs to somebody else.
    while not answer.endswith(b"\r\n\r\n"):
        byte = os.read(line.read_fd, 1)
        if not byte or len(answer) > _MAX_HEAD:
            raise DialError("it closed the connection" if not byte else "it speaks no HTTP")
        answer += byte
    status = answer.split(b"\r\n", 1)[0].decode("latin-1")
    if " 101 " not in f"{status} ":
        raise DialError(f"it does not offer BuildKit: {status}")
