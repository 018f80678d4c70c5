"""Whole frames in order, whoever interrupts whom."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cog import wire
from cog.worker.channel import Channel


class Alarm(Exception):
    pass


class Peer:
    """The server's end: reads when told to, and keeps the messages."""

    def __init__(self, kind: type[socket.socket] = socket.socket) -> None:
        self.socket, theirs = socket.socketpair()
        self.channel = Channel(kind(fileno=theirs.detach()))
        self.said: list[wire.ToServer] = []
        self._receiver = wire.Receiver(wire.TO_SERVER)

    def read_until(self, count: int) -> list[int]:
        """Return the nonces of the first ``count`` pongs."""
        self.socket.settimeout(20)
        while len(self.said) < count:
            self.said.extend(self._receiver.receive(self.socket.recv(4096)))
        return [each.nonce for each in self.said if isinstance(each, wire.Pong)]


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    with peer.socket:
        yield peer
        peer.channel.detach()


@contextmanager
def alarms() -> Iterator[None]:
    """Interrupt the main thread with an exception, a hundred times a second."""

    def ring(_number: int, _frame: object) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_exceptions_of_signal_handlers_break_no_frame(peer: Peer) -> None:
    count, rung = 100, 0
    filler = wire.Log(id=None, stream="stdout", data="x" * 50_000)
    reader = threading.Thread(target=peer.read_until, args=(2 * count,))
    reader.start()
    with alarms():
        for nonce in range(count):
            peer.channel.put(filler)
            peer.channel.put(wire.Pong(nonce=nonce))
            try:
                # From moments that are certainly too short for a flush on, to all places in it.
                signal.setitimer(signal.ITIMER_REAL, (nonce % 20 + 1) * 20e-6)
                peer.channel.flush()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Alarm:
                rung += 1
    peer.channel.flush()
    reader.join(20)
    assert rung
    assert [each for each in peer.said if isinstance(each, wire.Log)] == [filler] * count
    assert peer.read_until(0) == list(range(count))


def test_what_is_said_while_sending_is_sent_behind_it() -> None:
    afterthoughts = [3, 2, 1]

    class Talkative(socket.socket):
        def send(self, *arguments: Any) -> int:
            if afterthoughts:
                other.channel.send(wire.Pong(nonce=afterthoughts.pop()))
            return super().send(*arguments)

    other = Peer(Talkative)
    with other.socket:
        other.channel.send(wire.Pong(nonce=0))
        assert other.read_until(4) == [0, 1, 2, 3]
        other.channel.detach()


def test_threads_do_not_mix_their_frames(peer: Peer) -> None:
    def speak(base: int) -> None:
        for n in range(200):
            peer.channel.send(wire.Pong(nonce=base + n))

    threads = [threading.Thread(target=speak, args=(base,)) for base in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    found = peer.read_until(600)
    for base in (0, 1000, 2000):
        mine = [nonce for nonce in found if base <= nonce < base + 200]
        assert mine == list(range(base, base + 200))


def test_a_server_that_is_gone_hears_no_more(peer: Peer) -> None:
    peer.socket.close()
    for nonce in range(3):
        peer.channel.send(wire.Pong(nonce=nonce))


def test_closing_does_not_wait_for_a_server_that_does_not_read(peer: Peer) -> None:
    peer.channel.put(wire.Log(id=None, stream="stdout", data="x" * 1_000_000))
    peer.channel.close(0.05)
    peer.channel.send(wire.Pong(nonce=1))
    assert peer.socket.recv(100).startswith(b"\0")
