"""The one owner of all state: feeds what happens to the pool and carries out what it decides.

Everything runs on one event loop, and nothing is awaited between asking the pool and acting on its
answer, so there are no locks. Each prediction taken ends exactly once: its ``ended`` future.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import NamedTuple

from cog import wire
from cog.server import events
from cog.server.admission import Admission
from cog.server.deadlines import Deadlines, Overseer
from cog.server.dispatch import Dispatch
from cog.server.ending import Ending
from cog.server.health import Health
from cog.server.live import Live, Past, Place, Submitted, Terms, Tracked
from cog.server.logs import LOGGER, ModelLog
from cog.server.metrics import Level
from cog.server.pace import Pace
from cog.server.pool import (
    Action,
    Actions,
    AtCapacity,
    Bound,
    Closed,
    End,
    Kill,
    Pool,
    PoolError,
    QueueFull,
    Start,
    Stop,
)
from cog.server.prediction import Result, result_of
from cog.server.process import Exit
from cog.server.queue import MemoryQueue, Waiting
from cog.server.reports import Reports
from cog.server.request import PredictionRequest
from cog.server.schema import InputSchema
from cog.server.store import Record
from cog.server.supervisor import Owner, Phase, WorkerPolicy
from cog.server.surroundings import Limits, Surroundings
from cog.server.tally import Tally
from cog.server.workers import Workers

_log = logging.getLogger(LOGGER)

TERMS = Terms()
BOUND = Bound()
POLICY = WorkerPolicy()
LIMITS = Limits()


_NOT_STARTED = "The server is shutting down; the prediction was not started"


class NotReady(Exception):
    """The model takes no predictions now; the text says why, empty while setup still runs."""


_REFUSALS: dict[type[Exception], str] = {
    QueueFull: "full",
    AtCapacity: "full",
    Closed: "closed",
    NotReady: "not_ready",
}


class Listed(NamedTuple):
    """Predictions, newest first; ``cursor`` asks for the next page, None: there is none."""

    tracked: tuple[Tracked, ...]
    cursor: str | None


class Service(Owner, Overseer):
    """Takes predictions and brings each to its end; see the module's rule.

    Without ``schema`` any object is a valid input.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        schema: InputSchema | None = None,
        bound: Bound = BOUND,
        limits: Limits = LIMITS,
        policy: WorkerPolicy = POLICY,
    ) -> None:
        self._around = surroundings
        self._admission = Admission(surroundings, schema, self._place, limits.feed_events)
        self._pool = Pool(MemoryQueue(), bound)
        self._deadlines = Deadlines(limits, self)
        self._live: dict[str, Live] = {}
        self._arriving: dict[Record, Live] = {}  # their ids are being claimed
        self._model_log = ModelLog()
        self._pace = Pace()
        self._draining = False
        self._clock = surroundings.clock
        self.tally = Tally()
        self._reports = Reports(self._live, self._model_log, self.tally, self._clock)
        self._ending = Ending(surroundings, self._model_log, self.tally, self._clock, self._tell)
        self._idle = asyncio.Event()
        self._idle.set()
        self._workers = Workers(surroundings.launches, self, now=surroundings.now, policy=policy)
        self._dispatch = Dispatch(surroundings, self._workers, self._cannot)

    def start(self) -> None:
        """Start the workers; returns at once, setup goes on."""
        self._workers.start()

    # What clients ask for

    async def submit(self, request: PredictionRequest, terms: Terms = TERMS) -> Submitted:
        """Take a prediction, or find the one that its id or idempotency key stands for.

        Raises NotReady, InvalidInput, OtherRequest or a PoolError, and then nothing has happened.
        """
        try:
            return await self._take(request, terms)
        except (PoolError, NotReady) as error:
            self.tally.refused[_REFUSALS.get(type(error), "other")] += 1
            raise

    async def _take(self, request: PredictionRequest, terms: Terms) -> Submitted:
        self.check_ready()
        if not (request.id or terms.key or terms.join):
            # It can only be a new one. Under overload nearly all are refused: before they cost.
            self._check_room(terms)
        live = self._admission.make(request, terms)
        self._arriving[live.record] = live
        try:
            if (known := await self._admission.claim(live)) is not None:
                return Submitted(self._tracked(known), is_new=False)
            try:
                actions = self._enqueue(live)
            except (PoolError, NotReady) as error:
                live.refuse(str(error), self._around.now())
                await self._admission.give_back(live)
                raise
        finally:
            del self._arriving[live.record]
        live.taken = self._clock()
        if self._around.tracing is not None:
            live.trace = self._around.tracing.taken(live.id, terms.trace)
        self._live[live.id] = live
        self._idle.clear()
        if actions:
            self._perform(actions)
        else:
            self._deadlines.waits(live)
        return Submitted(live, is_new=True)

    async def find(self, prediction_id: str) -> Tracked | None:
        """Return a prediction that goes on or is remembered."""
        if (live := self._live.get(prediction_id)) is not None:
            return live
        record = await self._around.store.find(prediction_id)
        return None if record is None else self._tracked(record)

    async def recent(self, cursor: str | None = None, limit: int = 100) -> Listed:
        """Return what goes on and what is remembered; raises BadCursor."""
        page = await self._around.store.page(cursor, limit)
        return Listed(tuple(map(self._tracked, page.records)), page.cursor)

    async def cancel(self, prediction_id: str) -> bool:
        """Cancel a prediction; False: none with this id goes on. Repeating it is harmless."""
        return self.cancel_live(prediction_id)

    def cancel_live(self, prediction_id: str) -> bool:
        """Cancel a prediction of this process, as `cancel` does."""
        known = prediction_id in self._live
        self._perform(self._pool.cancel(prediction_id))
        return known

    def retry_after(self) -> int:
        """Return in how many seconds there may be room in the queue, see `Pace`."""
        return self._pace.retry_after(waiting=self._pool.waiting, slots=self._pool.slots)

    async def health(self, version: dict[str, str]) -> Health:
        """Return how the model is; asks the user's healthcheck where there is one."""
        user_error = await self._workers.user_error()
        if self._workers.ready is not None:
            version = {**version, "python": self._workers.ready.python}
        return self.condition(version, user_error)

    def condition(self, version: dict[str, str] | None = None, user_error: str = "") -> Health:
        """Return how the model is as far as the server knows by itself."""
        workers = self._workers
        return Health(
            phase=workers.phase,
            busy=self._pool.idle == 0,
            setup=workers.setup,
            version=version or {},
            user_error=user_error,
            trouble=workers.trouble,
            draining=self._draining,
        )

    def level(self) -> Level:
        """Return what the metrics say of this moment."""
        pool, now = self._pool, self._clock()
        ages = (now - self._live[one].taken for one in pool.queue)
        phases = self._workers.phases()
        return Level(
            queue_depths=pool.queue.depths(),
            queue_capacity=pool.bound.count,
            queue_bytes=pool.queue.size,
            queue_oldest=max(ages, default=0.0),
            slots_busy=pool.running,
            slots_idle=pool.idle,
            workers={phase.value.replace(" ", "_"): phases[phase] for phase in Phase},
        )

    def drain(self) -> None:
        """Say from now on that the server is not ready; what comes is still taken."""
        if self._around.ready_file is not None and not self._draining:
            self._around.ready_file.remove()
        self._draining = True

    def close(self) -> None:
        """Take nothing more; what has been taken goes on."""
        self.drain()
        self._pool.close()

    async def stop(self, patience: float | None, hurry: asyncio.Event) -> None:
        """Close, let everything end for ``patience`` seconds (None: without end), end the rest.

        ``hurry`` cuts the patience short.
        """
        self.close()
        if not self._workers.may_run:
            self._drop(_NOT_STARTED)
        idle, hurried = (asyncio.ensure_future(event.wait()) for event in (self._idle, hurry))
        await asyncio.wait({idle, hurried}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        for waiter in (idle, hurried):
            waiter.cancel()
        self._drop(_NOT_STARTED)
        await self._workers.stop()
        await self._idle.wait()  # output files may still be on their way

    def _drop(self, why: str) -> None:
        self._perform(self._pool.drop_waiting(), why)

    # What the supervisors tell

    def worker_set_up(self, worker: str, seconds: float) -> None:
        """See `Owner`."""
        del worker
        self.tally.setups.note(seconds)

    def worker_ready(self, worker: str, ready: wire.Ready) -> None:
        """See `Owner`."""
        about = {"worker": worker}
        _log.info("%s is ready, %d predictions at once", worker, ready.concurrency, extra=about)
        self._dispatch.knows(ready)
        if self._around.ready_file is not None and not self._draining:
            self._around.ready_file.make()
        self._perform(self._pool.worker_up(worker, ready.concurrency))

    def worker_message(self, worker: str, message: wire.ToServer) -> None:
        """See `Owner`."""
        if isinstance(message, wire.Output):
            self._reports.output(message)
        elif isinstance(message, wire.Log):
            self._reports.printed(message)
        elif isinstance(message, wire.Done):
            self._finish(worker, message)
        elif isinstance(message, wire.Metric):
            self._reports.measured(message)
        elif isinstance(message, wire.Health):
            self._workers.answered(worker, message)

    def worker_lost(self, worker: str, end: Exit) -> None:
        """See `Owner`."""
        self._workers.abandon_check(worker)
        if self._workers[worker].phase is Phase.STOPPED:
            why = "The server shut down before the prediction ended"
        else:
            why = f"Worker crashed: it {end.how}"
            _log.error("%s %s", worker, end.how, extra={"worker": worker})
            self.tally.restarts[end.cause] += 1
        actions = self._pool.worker_down(worker)
        # Of one prediction or of none: which of several said it cannot be known.
        owner = actions[0].id if len(actions) == 1 else None
        if end.last_words:
            self._reports.printed(wire.Log(id=owner, stream="stderr", data=end.last_words))
        self._model_log.end(None)
        self._perform(actions, why)

    def worker_given_up(self, worker: str) -> None:
        """See `Owner`."""
        trouble, about = self._workers[worker].trouble, {"worker": worker}
        _log.error("%s is given up. %s", worker, trouble, extra=about)
        if not self._workers.may_run:
            self._drop(self._workers.trouble)

    def worker_busy(self, worker: str) -> bool:
        """See `Owner`."""
        return bool(self._pool.running_on(worker))

    def _enqueue(self, live: Live) -> Actions:
        self.check_ready()
        terms = live.terms
        self._check_room(terms)
        cost = self._pace.cost(terms.client)
        return self._pool.submit(Waiting(live.id, terms.client, terms.priority, cost, terms.size))

    def _check_room(self, terms: Terms) -> None:
        try:
            self._pool.check(terms.size)
        except AtCapacity as error:
            if self._workers.phase is not Phase.RESTARTING:
                raise
            raise NotReady(f"{self._workers.trouble}; it is being restarted") from error

    # Carrying out

    def _perform(self, actions: Actions, why: str = "") -> None:
        """Carry out what the pool decided; ``why`` is the error of predictions it gives up."""
        todo: deque[Action] = deque(actions)
        while todo:
            action = todo.popleft()
            if isinstance(action, Start):
                todo.extend(self._start(self._live[action.id], action.worker))
            elif isinstance(action, End):
                self._ending.end(self._live[action.id], action.reason, why)
            elif isinstance(action, Stop):
                todo.extend(self._stop(self._live[action.id], action.worker))
            else:
                self._kill(action)

    def _start(self, live: Live, worker: str) -> Actions:
        """Send a prediction to a worker; what cannot be sent ends and gives its slot back."""
        live.prediction.start(self._around.now())
        live.feed.add(events.Started())
        live.began = self._clock()
        if live.trace is not None:
            live.trace.started()
        self._deadlines.starts(live)
        return self._settle(live, worker, self._dispatch.start(live, worker))

    def _stop(self, live: Live, worker: str) -> Actions:
        live.stopping = True
        self._deadlines.stops(live)
        return self._settle(live, worker, self._dispatch.stop(live, worker))

    def _settle(self, live: Live, worker: str, result: Result | None) -> Actions:
        """Give the slot back where there is a result: it never reached its worker."""
        if result is None:
            return ()
        live.result = result
        return self._pool.finish(worker, live.id)

    def _cannot(self, live: Live, worker: str, result: Result) -> None:
        self._perform(self._settle(live, worker, result))

    def _kill(self, kill: Kill) -> None:
        stuck = ", ".join(self._pool.running_on(kill.worker))
        about = {"worker": kill.worker}
        _log.warning(
            "%s is replaced: %s did not stop when told to", kill.worker, stuck, extra=about
        )
        self._workers[kill.worker].replace(
            "did not stop a prediction when told to and was replaced"
        )

    # What time brings

    def expire(self, live: Live, why: str) -> None:
        """See `Overseer`."""
        self._perform(self._pool.expire(live.id), why)

    def overrun(self, live: Live, why: str) -> None:
        """See `Overseer`."""
        live.overrun = why
        self._perform(self._pool.cancel(live.id))

    def overdue(self, live: Live) -> None:
        """See `Overseer`."""
        self._perform(self._pool.overdue(live.id))

    # Ending

    def _finish(self, worker: str, done: wire.Done) -> None:
        live = self._live.get(done.id)
        actions = self._pool.finish(worker, done.id)
        if live is None or not actions:
            _log.warning("%s ended prediction %r, which it does not run", worker, done.id)
            return
        live.result = result_of(done)
        live.folder_used = live.has_file_inputs or done.folder_used
        self._pace.note(live.terms.client, done.predict_time)
        self._perform(actions)

    def _tell(self, live: Live) -> None:
        del self._live[live.id]
        live.tell()
        if not self._live:
            self._idle.set()

    # Small questions

    def check_ready(self) -> None:
        """Raise NotReady where the model takes no predictions now."""
        if self._pool.idle:  # nearly always, and quicker to see
            return
        phase = self._workers.phase
        if phase is Phase.STARTING:
            raise NotReady("")
        if phase not in {Phase.READY, Phase.RESTARTING}:
            raise NotReady(self._workers.trouble)

    def _tracked(self, record: Record) -> Tracked:
        if record.ended:
            return Past(record)
        return self._live.get(record.id) or self._arriving.get(record) or Past(record)

    def _place(self, prediction_id: str) -> Place | None:
        position = self._pool.queue.position(prediction_id)
        if position is None:
            return None
        wait = self._pace.wait(waiting=position, slots=self._pool.slots)
        return Place(position, wait)

    def __repr__(self) -> str:
        return f"<Service {self._workers.phase.value}, {self._pool!r}>"
