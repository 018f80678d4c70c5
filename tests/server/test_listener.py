from __future__ import annotations

import asyncio
import socket

import pytest

from cog.server import listener
from cog.server.listener import end_stalled


def test_availability_slowloris_a_peer_that_reads_nothing_is_ended_by_the_kernel() -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert asyncio.run(end_stalled(port, 0.5))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        accepted, _ = server.accept()
        with accepted, pytest.raises(TimeoutError, match="Connection timed out"):
            accepted.sendall(bytes(100 << 20))


def test_a_port_that_is_not_ours_is_looked_for_and_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "_LOOKS", 2)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))  # and does not listen
        assert not asyncio.run(end_stalled(server.getsockname()[1], 1))
