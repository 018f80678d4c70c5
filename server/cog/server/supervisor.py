"""Keeps a worker alive: setup with its time limit, restarts with back-off, and when to give up.

The first setup decides whether the model works at all: where it fails, nothing is tried again, as
in Cog. A worker that dies later is started again; one that keeps dying without finishing a single
prediction is given up.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cog.server.logs import LogBuffer
from cog.server.process import Exit, Link, Receive
from cog.server.pulse import PulsePolicy
from cog.wire import Done, Log, Ping, Pong, Ready, SetupFailed, ToServer, ToWorker

_STOP_PATIENCE = 2.0  # seconds between asking a worker to end and killing it

Launch = Callable[[Receive], Awaitable[Link]]


class Phase(enum.Enum):
    """Where a worker stands."""

    STARTING = "starting"  # its first setup runs
    READY = "ready"
    RESTARTING = "restarting"  # it died and comes back
    SETUP_FAILED = "setup failed"
    DEFUNCT = "defunct"  # it kept dying
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPolicy:
    """How long a worker may take and how often it is started again; times in seconds.

    Setup is ended after ``setup_timeout`` (None: never). The first death costs no wait, the second
    ``first``, each further one twice the last. After more than ``limit`` deaths in a row the worker
    is given up. A finished prediction or ``calm`` seconds of life end the row.
    """

    setup_timeout: float | None = None
    first: float = 1.0
    longest: float = 30.0
    limit: int = 5
    calm: float = 600.0
    pulse: PulsePolicy = field(default_factory=PulsePolicy)

    def delay(self, deaths: int) -> float | None:
        """Return the wait after that many deaths in a row; None: give up."""
        if deaths > self.limit:
            return None
        return min(self.first * 2 ** (deaths - 2), self.longest) if deaths > 1 else 0.0


class Setup:
    """The record of a setup that clients see under ``setup`` of the health document."""

    def __init__(self, started_at: datetime) -> None:
        self.started_at = started_at
        self.completed_at: datetime | None = None
        self.status = "starting"
        self.logs = LogBuffer()

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        if self.completed_at is None:
            return None
        return (self.completed_at - self.started_at).total_seconds()

    def complete(self, status: str, now: datetime) -> None:
        """It is over: "succeeded" or "failed"."""
        self.status = status
        self.completed_at = now


class Owner(Protocol):
    """Who is told what happens to a worker."""

    def worker_set_up(self, worker: str, seconds: float) -> None:
        """A setup has ended, well or not."""

    def worker_ready(self, worker: str, ready: Ready) -> None:
        """Setup has succeeded; the worker takes predictions."""

    def worker_message(self, worker: str, message: ToServer) -> None:
        """The worker said something."""

    def worker_busy(self, worker: str) -> bool:
        """Say whether the worker runs anything."""

    def worker_lost(self, worker: str, end: Exit) -> None:
        """A worker that was ready is gone. It may come back."""

    def worker_given_up(self, worker: str) -> None:
        """The worker will not come (back); `Supervisor.trouble` says why."""


class Supervisor:
    """Runs one worker after another under one name; see the module's rule."""

    def __init__(
        self,
        worker: str,
        launch: Launch,
        owner: Owner,
        *,
        now: Callable[[], datetime],
        policy: WorkerPolicy,
    ) -> None:
        self.worker = worker
        self.phase = Phase.STARTING
        self.setup = Setup(now())
        self.ready: Ready | None = None
        self.trouble = ""  # why it does not work now, a sentence without a full stop
        self._launch = launch
        self._owner = owner
        self._now = now
        self._policy = policy
        self._link: Link | None = None
        self._deaths = 0
        self._replaced = False  # its death was our own doing
        self._heard = 0.0  # when it last said something, on the loop's clock
        self._verdict: asyncio.Future[Ready | SetupFailed] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the worker; returns at once."""
        self._task = asyncio.create_task(self._run())

    def send(self, message: ToWorker) -> None:
        """Send to the worker there is now; lost if there is none."""
        if self._link is not None:
            self._link.send(message)

    def replace(self, why: str) -> None:
        """End the worker there is now, which is no fault of the model, and start another.

        ``why`` follows a subject: "did not stop when told to".
        """
        if self._link is not None and self.phase is Phase.READY:
            self._replaced = True
            self._link.kill(why, "replaced")

    async def stop(self) -> None:
        """End the worker for good: politely if it is ready, else at once."""
        ready, self.phase = self.phase is Phase.READY, Phase.STOPPED
        if self._task is None:
            return
        if self._link is not None and ready:
            await self._link.stop(_STOP_PATIENCE)  # the task then ends what was running
        else:
            self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await self._live()
            if self.phase is Phase.STOPPED:
                return
            if self.phase is Phase.STARTING:
                self.phase = Phase.SETUP_FAILED
                break
            if self._replaced:
                self._replaced = False
                continue
            self._deaths += 1
            delay = self._policy.delay(self._deaths)
            if delay is None:
                if self._deaths > 1:
                    self.trouble = f"The worker died {self._deaths} times in a row. {self.trouble}"
                self.phase = Phase.DEFUNCT
                break
            await asyncio.sleep(delay)
        self._owner.worker_given_up(self.worker)

    async def _live(self) -> None:
        """One worker from start to end; leaves ``trouble`` behind."""
        self.setup = Setup(self._now())
        self._verdict = asyncio.get_running_loop().create_future()
        try:
            self._link = await self._launch(self._receive)
        except OSError as error:
            self._fail_setup(f"The worker cannot be started: {error}")
            return
        try:
            await self._until_ready(self._link, self._verdict)
            self._owner.worker_set_up(self.worker, self.setup.seconds or 0.0)
            if self.ready is not None:
                await self._serve(self._link, self.ready)
        finally:
            self.ready = None
            self._link.kill()
            await asyncio.shield(self._link.exited)
            self._link = None

    async def _until_ready(self, link: Link, verdict: asyncio.Future[Ready | SetupFailed]) -> None:
        either: set[asyncio.Future[Any]] = {link.exited, verdict}
        await asyncio.wait(
            either,
            timeout=self._policy.setup_timeout,
            return_when=asyncio.FIRST_COMPLETED,
        )
        said = verdict.result() if verdict.done() else None
        if isinstance(said, Ready):
            self.setup.complete("succeeded", self._now())
            self.ready = said
        elif said is not None:
            self._fail_setup(f"Setup failed: {said.error}")
        elif link.exited.done():
            end = link.exited.result()
            self.setup.logs.add(end.last_words)
            self._fail_setup(f"The worker {end.how} during setup")
        else:
            self._fail_setup(f"worker setup timed out after {self._policy.setup_timeout:g} seconds")

    async def _serve(self, link: Link, ready: Ready) -> None:
        loop = asyncio.get_running_loop()
        born = loop.time()
        self.phase, self.trouble = Phase.READY, ""
        self._owner.worker_ready(self.worker, ready)
        watch = asyncio.create_task(self._watch(link))
        try:
            end = await asyncio.shield(link.exited)
        finally:
            watch.cancel()
        if loop.time() - born >= self._policy.calm:
            self._deaths = 0
        if self.phase is not Phase.STOPPED:
            self.phase, self.trouble = Phase.RESTARTING, f"The worker {end.how}"
        self._owner.worker_lost(self.worker, end)

    async def _watch(self, link: Link) -> None:
        """Ping the worker for ever; kill it once it is hung."""
        loop, pulse, nonce = asyncio.get_running_loop(), self._policy.pulse, 0
        self._heard = loop.time()
        while True:
            asleep = loop.time()
            await asyncio.sleep(pulse.interval)
            if loop.time() - asleep > 2 * pulse.interval:
                self._heard = loop.time()  # it was this process that stood still
            silence = loop.time() - self._heard
            stopped = silence >= pulse.idle and link.is_stopped()
            if pulse.is_hung(silence, busy=self._owner.worker_busy(self.worker), stopped=stopped):
                link.kill(f"did not answer for {silence:.0f} seconds and was killed", "hang")
                return
            nonce += 1
            link.send(Ping(nonce=nonce))

    def _fail_setup(self, trouble: str) -> None:
        self.trouble = trouble
        self.setup.logs.add(f"{trouble}\n")
        self.setup.complete("failed", self._now())

    def _receive(self, message: ToServer) -> None:
        self._heard = asyncio.get_running_loop().time()
        verdict = self._verdict
        if verdict is not None and not verdict.done():
            if isinstance(message, Ready | SetupFailed):
                verdict.set_result(message)
                return
            if isinstance(message, Log):
                self.setup.logs.add(message.data)
        if isinstance(message, Pong):
            return
        if isinstance(message, Done):
            self._deaths = 0
        self._owner.worker_message(self.worker, message)
