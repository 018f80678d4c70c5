"""Workers without processes, for the service: they say and do what the test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from cog import wire
from cog.server.files import DataUrls
from cog.server.process import Exit, Link, Receive
from cog.server.scratch import Scratch
from cog.server.store import Keep, MemoryStore
from cog.server.surroundings import Surroundings

READY = wire.Ready(
    concurrency=1, is_async=False, streaming=False, python="3.11.7", has_healthcheck=False
)


class FakeLink(Link):
    """A worker that has been started; ``sent`` is what the server has sent it."""

    def __init__(self, receive: Receive) -> None:
        self.says = receive
        self.sent: list[wire.ToWorker] = []
        self.killed = False
        self.stopped = False
        self._exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    @property
    def exited(self) -> asyncio.Future[Exit]:
        return self._exited

    def send(self, message: wire.ToWorker) -> None:
        wire.encode(message)  # raises what the real one raises
        self.sent.append(message)

    def kill(self, why: str = "", cause: str = "crash") -> None:
        if not self._exited.done():
            self.killed = True
            self.dies(why or "was killed by SIGKILL", cause=cause)

    def is_stopped(self) -> bool:
        return self.stopped

    async def stop(self, patience: float) -> None:
        assert patience > 0
        self.send(wire.Shutdown())
        if not self._exited.done():
            self.dies("exited with code 0")

    def dies(self, how: str, last_words: str = "", cause: str = "crash") -> None:
        self._exited.set_result(Exit(how, last_words, cause))

    @property
    def predictions(self) -> list[str]:
        """The ids of the predictions it has been sent."""
        return [message.id for message in self.sent if isinstance(message, wire.Predict)]

    def ends(self, prediction_id: str, output: object = None) -> None:
        """Let a prediction succeed."""
        self.says(wire.Done(id=prediction_id, status="succeeded", output=output, predict_time=0.5))


class FakeWorkers:
    """Starts `FakeLink`s, each ready at once unless ``ready`` is None; keeps them in ``links``."""

    def __init__(self, ready: wire.Ready | None = READY) -> None:
        self.ready = ready
        self.links: list[FakeLink] = []
        self.error: OSError | None = None

    @property
    def link(self) -> FakeLink:
        """The one started last."""
        return self.links[-1]

    async def launch(self, receive: Receive) -> Link:
        if self.error is not None:
            raise self.error
        link = FakeLink(receive)
        self.links.append(link)
        if self.ready is not None:
            link.says(self.ready)
        return link


class FakeClock:
    """Every look at it is a second later."""

    def __init__(self) -> None:
        self._now = datetime.fromisoformat("2026-01-01T00:00:00+00:00")

    def now(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


async def no_download(url: str, target: Path) -> None:
    """Stand in for the network where a test has none."""
    raise AssertionError(f"{url} is not to be fetched to {target}")


def surroundings(workers: FakeWorkers, folder: Path) -> Surroundings:
    """Return what a service needs, with ids ``made-1``, ``made-2``, …"""
    made = iter(f"made-{n}" for n in range(1, 1000))
    return Surroundings(
        launches={"worker-1": workers.launch},
        scratch=Scratch(folder),
        store=MemoryStore(Keep(), lambda: 0.0),
        send_files=lambda: DataUrls(10_000_000).send,
        download=no_download,
        now=FakeClock().now,
        new_id=lambda: next(made),
    )


async def settle() -> None:
    """Let everything happen that can happen without time passing."""
    for _ in range(20):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds; fail after five seconds."""
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"never came true: {condition}")
