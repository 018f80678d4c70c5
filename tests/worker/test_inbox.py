"""Who reads: the main thread while it has time, another one in its place."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from cog import wire
from cog.worker.inbox import Inbox
from tests.waiting import until


class Worker:
    def __init__(self) -> None:
        self.server, self.socket = socket.socketpair()
        self.heard: list[tuple[int, str]] = []
        self.faults: list[BaseException] = []
        self.gone = threading.Event()
        self.inbox = Inbox(self.socket, self._obey, self.gone.set, self.faults.append)

    def _obey(self, message: wire.ToWorker) -> None:
        assert isinstance(message, wire.Ping)
        self.heard.append((message.nonce, threading.current_thread().name))

    def ping(self, nonce: int) -> None:
        self.server.sendall(wire.encode(wire.Ping(nonce=nonce)))


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.server.close()
    for thread in threading.enumerate():
        if thread.name == "cog-receive":
            thread.join(20)
    worker.socket.close()


def test_the_main_thread_reads_while_it_waits(worker: Worker) -> None:
    worker.inbox.start()
    for nonce in range(20):
        worker.ping(nonce)
        worker.inbox.wait(lambda: False)
    assert worker.heard == [(nonce, "MainThread") for nonce in range(20)]


def test_another_thread_stands_in_for_a_main_thread_that_does_not(worker: Worker) -> None:
    def heard(nonce: int) -> bool:
        return len(worker.heard) > nonce

    worker.inbox.start()
    for nonce in range(3):
        worker.ping(nonce)
        until(partial(heard, nonce), f"ping {nonce} is heard")
    assert worker.heard == [(nonce, "cog-receive") for nonce in range(3)]


def test_what_the_stand_in_took_ends_the_wait(worker: Worker) -> None:
    worker.inbox.start()
    worker.ping(1)
    until(lambda: worker.heard, "the ping is heard")
    worker.inbox.wait(lambda: bool(worker.heard))


def test_an_event_loop_takes_what_there_is(worker: Worker) -> None:
    worker.inbox.take()
    worker.ping(1)
    worker.ping(2)
    worker.inbox.take()
    assert [nonce for nonce, _ in worker.heard] == [1, 2]


def test_nonsense_is_a_fault(worker: Worker) -> None:
    worker.server.sendall(b"\0\0\0\2\0\0\0\0{}")
    worker.inbox.take()
    assert [type(fault) for fault in worker.faults] == [wire.FrameError]


def test_the_end_of_the_stream_is_noticed_by_whoever_reads(worker: Worker) -> None:
    worker.server.close()
    worker.inbox.take()
    assert worker.gone.is_set()
