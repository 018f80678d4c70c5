"""A buildkitd as far as its clients can tell: the engine's own, behind a socket of ours.

Debian has no buildkitd, and no image can be pulled here. The engine has the same control API
behind an HTTP upgrade: this does the upgrade for every connection, and from then on passes bytes.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from integration.engine import EngineInfo

_UPGRADE = (
    b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@contextmanager
def relayed(
    engine: EngineInfo, listener: socket.socket, tls: ssl.SSLContext | None = None
) -> Iterator[None]:
    """Serve BuildKit's API on ``listener`` while the block runs."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=_serve, args=(engine, connection, tls), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _serve(engine: EngineInfo, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
    client = connection
    if tls:
        client = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    with client, socket.socket(socket.AF_UNIX) as daemon, suppress(OSError):
        if isinstance(client, ssl.SSLSocket):
            client.do_handshake()
        daemon.connect(engine.env["DOCKER_HOST"].removeprefix("unix://"))
        daemon.sendall(_UPGRADE)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += daemon.recv(1)
        assert b" 101 " in answer
        lock = threading.Lock()
        back = threading.Thread(target=_copy, args=(daemon, client, lock), daemon=True)
        back.start()
        _copy(client, daemon, lock)
        back.join()


def _copy(source: socket.socket, target: socket.socket, lock: threading.Lock) -> None:
    """Pass bytes on; one TLS object must not be used by two threads at once."""
    source.settimeout(0.01)
    with suppress(OSError):
        while True:
            try:
                with lock:
                    data = source.recv(65536)
            except TimeoutError:
                continue
            if not data:
                break
            with lock:
                target.settimeout(None)
                target.sendall(data)
                target.settimeout(0.01)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
