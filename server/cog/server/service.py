"""The one owner of all state: feeds what happens to the pool and carries out what it decides.

Everything runs on one event loop, and nothing is awaited between asking the pool and acting on its
answer, so there are no locks. Each prediction taken ends exactly once: its ``ended`` future.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cog import wire
from cog.server import events
from cog.server.health import Health, UserHealthcheck
from cog.server.inputs import Download, InputFileError, fetch_all, for_worker, urls_in
from cog.server.live import Live, Past, Place, Submitted, Terms, Tracked
from cog.server.logs import LOGGER, ModelLog
from cog.server.outputs import Outputs, SendFile
from cog.server.pace import Pace
from cog.server.pool import (
    Action,
    Actions,
    AtCapacity,
    IdInUse,
    Pool,
    PoolError,
    Reason,
    Start,
    Stop,
)
from cog.server.prediction import Prediction, Result, Status, failed, result_of
from cog.server.process import Exit
from cog.server.request import PredictionRequest, checked_input
from cog.server.schema import InputSchema
from cog.server.scratch import Scratch
from cog.server.store import Record, Store
from cog.server.supervisor import Launch, Owner, Phase, Supervisor, WorkerPolicy

_log = logging.getLogger(LOGGER)

_WORKER = "worker-1"
_TERMS = Terms()


class NotReady(Exception):
    """The model takes no predictions now; the text says why, empty while setup still runs."""


class OtherRequest(Exception):
    """The id or idempotency key has come before, with a request that was another."""


class Listed(NamedTuple):
    """Predictions, newest first; ``cursor`` asks for the next page, None: there is none."""

    tracked: tuple[Tracked, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the service does not decide: workers, time, names, where things are kept and sent."""

    launch: Launch
    scratch: Scratch
    store: Store
    send_files: Callable[[], SendFile]  # for the files of one prediction
    download: Download
    now: Callable[[], datetime]
    new_id: Callable[[], str]


class Service(Owner):
    """Takes predictions and brings each to its end; see the module's rule.

    ``queue_capacity`` predictions may wait. Without ``schema`` any object is a valid input.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        schema: InputSchema | None = None,
        queue_capacity: int = 100,
        policy: WorkerPolicy | None = None,
    ) -> None:
        self._around = surroundings
        self._schema = schema
        self._pool = Pool(capacity=queue_capacity)
        self._live: dict[str, Live] = {}
        self._model_log = ModelLog()
        self._pace = Pace()
        self._file_inputs: frozenset[str] = frozenset()
        self._idle = asyncio.Event()
        self._idle.set()
        self._supervisor = Supervisor(
            _WORKER,
            surroundings.launch,
            self,
            now=surroundings.now,
            policy=policy or WorkerPolicy(),
        )
        self._healthcheck = UserHealthcheck(self._ask_health)

    def start(self) -> None:
        """Start the worker; returns at once, setup goes on."""
        self._supervisor.start()

    # What clients ask for

    async def submit(self, request: PredictionRequest, terms: Terms = _TERMS) -> Submitted:
        """Take a prediction, or find the one that its id or idempotency key stands for.

        Raises NotReady, InvalidInput, OtherRequest or a PoolError, and then nothing has happened.
        """
        live = self._make(request, terms)
        if (known := await self._add(live)) is not None:
            return Submitted(known, is_new=False)
        try:
            self._check_ready()
            actions = self._pool.submit(live.id)
        except (PoolError, NotReady) as error:
            await self._around.store.remove(live.id)
            if isinstance(error, AtCapacity) and self._supervisor.phase is Phase.RESTARTING:
                trouble = f"{self._supervisor.trouble}; it is being restarted"
                raise NotReady(trouble) from error
            raise
        self._live[live.id] = live
        self._idle.clear()
        self._perform(actions)
        return Submitted(live, is_new=True)

    async def find(self, prediction_id: str) -> Tracked | None:
        """Return a prediction that goes on or is remembered."""
        if (live := self._live.get(prediction_id)) is not None:
            return live
        record = await self._around.store.find(prediction_id)
        return None if record is None else Past(record)

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
        return self._pace.retry_after(waiting=self._pool.waiting, running=self._pool.running)

    async def health(self, version: dict[str, str]) -> Health:
        """Return how the model is; asks the user's healthcheck where there is one."""
        supervisor = self._supervisor
        user_error = ""
        if supervisor.ready is not None:
            version = {**version, "python": supervisor.ready.python}
            if supervisor.ready.has_healthcheck:
                user_error = await self._healthcheck.error()
        return Health(
            phase=supervisor.phase,
            busy=self._pool.idle == 0,
            setup=supervisor.setup,
            version=version,
            user_error=user_error,
            trouble=supervisor.trouble,
        )

    def close(self) -> None:
        """Take nothing more; what waits ends now, what runs goes on."""
        why = "The server is shutting down; the prediction was not started"
        self._perform(self._pool.close(), why)

    async def stop(self, grace: float | None, hurry: asyncio.Event) -> None:
        """Close, wait ``grace`` seconds (None: without end) or until ``hurry``, end the rest."""
        self.close()
        idle, hurried = (asyncio.ensure_future(event.wait()) for event in (self._idle, hurry))
        await asyncio.wait({idle, hurried}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        for waiter in (idle, hurried):
            waiter.cancel()
        await self._supervisor.stop()
        await self._idle.wait()  # output files may still be on their way

    # What the supervisor tells

    def worker_ready(self, worker: str, ready: wire.Ready) -> None:
        """See `Owner`."""
        _log.info("The worker is ready, %d predictions at once", ready.concurrency)
        self._file_inputs = frozenset(ready.file_inputs)
        self._perform(self._pool.worker_up(worker, ready.concurrency))

    def worker_message(self, worker: str, message: wire.ToServer) -> None:
        """See `Owner`."""
        if isinstance(message, wire.Output):
            if (live := self._live.get(message.id)) is not None:
                live.outputs.add(message.value, partial(_show, live))
        elif isinstance(message, wire.Log):
            self._print(message)
        elif isinstance(message, wire.Done):
            self._finish(worker, message)
        elif isinstance(message, wire.Metric):
            self._measure(message)
        elif isinstance(message, wire.Health):
            self._healthcheck.answered(message)

    def worker_lost(self, worker: str, end: Exit) -> None:
        """See `Owner`."""
        self._healthcheck.abandon()
        if self._supervisor.phase is Phase.STOPPED:
            why = "The server shut down before the prediction ended"
        else:
            why = f"Worker crashed: it {end.how}"
            _log.error("The worker %s", end.how)
        actions = self._pool.worker_down(worker)
        # Of one prediction or of none: which of several said it cannot be known.
        owner = actions[0].id if len(actions) == 1 else None
        if end.last_words:
            self._print(wire.Log(id=owner, stream="stderr", data=end.last_words))
        self._model_log.end(None)
        self._perform(actions, why)

    def worker_given_up(self, worker: str) -> None:
        """See `Owner`."""
        trouble = self._supervisor.trouble
        _log.error("%s is given up. %s", worker, trouble)
        self._perform(self._pool.drop_waiting(), trouble)

    # Taking

    def _make(self, request: PredictionRequest, terms: Terms) -> Live:
        self._check_ready()
        given, unknown = checked_input(request.input, self._schema)
        if unknown:
            _log.warning("Unknown inputs are ignored: %s", ", ".join(unknown))
        shown = self._schema.hide_secrets(given) if self._schema else given
        now = self._around.now()
        prediction = Prediction(
            request.id or self._around.new_id(), shown if terms.echo else None, now
        )
        # One client's key means nothing to another.
        key = f"{terms.client}\n{terms.key}" if terms.key else ""
        record = Record(prediction.id, now, key, terms.fingerprint)
        return Live(
            prediction=prediction,
            record=record,
            terms=terms,
            given=given,
            context=request.context or {},
            outputs=Outputs(prediction.id, self._around.send_files()),
            place=self._place,
        )

    async def _add(self, live: Live) -> Tracked | None:
        """Put a new prediction into the store; return the one it would double."""
        store, terms = self._around.store, live.terms
        known = await store.add(live.record)
        if known is None:
            return None
        if terms.join or (terms.key and known.key == live.record.key):
            if terms.fingerprint and known.fingerprint and terms.fingerprint != known.fingerprint:
                raise OtherRequest("an earlier request with the same id or key was another one")
            return self._tracked(known)
        # Asked for again by its id: that of one that has ended is free.
        if known.ended and known.id not in self._live:
            await store.remove(known.id)
            known = await store.add(live.record)
        if known is not None:
            raise IdInUse(f"a prediction with the id {live.id!r} has not ended yet")
        return None

    # Carrying out

    def _perform(self, actions: Actions, why: str = "") -> None:
        """Carry out what the pool decided; ``why`` is the error of predictions it gives up."""
        todo: deque[Action] = deque(actions)
        while todo:
            action = todo.popleft()
            if isinstance(action, Start):
                todo.extend(self._start(self._live[action.id], action.worker))
            elif isinstance(action, Stop):
                todo.extend(self._stop(self._live[action.id], action.worker))
            else:
                self._end(self._live[action.id], action.reason, why)

    def _start(self, live: Live, worker: str) -> Actions:
        """Send a prediction to a worker; what cannot be sent ends and gives its slot back."""
        live.prediction.start(self._around.now())
        live.feed.add(events.Started())
        try:
            live.outputs.folder = folder = self._around.scratch.lend()
            if urls := urls_in(live.given, self._file_inputs):
                live.arrival = asyncio.ensure_future(self._fetch(live, worker, urls, folder))
            else:
                self._send(live, folder, {})
        except (OSError, ValueError) as error:
            return self._cannot_start(live, worker, error)
        return ()

    async def _fetch(self, live: Live, worker: str, urls: dict[str, str], folder: Path) -> None:
        """Fetch the input files, holding the slot meanwhile, and send the prediction."""
        try:
            local = await fetch_all(urls, folder, self._around.download)
            self._send(live, folder, local)
        except InputFileError as error:
            live.result = failed(f"Prediction failed: {error}")
            self._perform(self._pool.finish(worker, live.id))
        except (OSError, ValueError) as error:
            self._perform(self._cannot_start(live, worker, error))
        finally:
            live.arrival = None

    def _send(self, live: Live, folder: Path, local: dict[str, Path]) -> None:
        given = for_worker(live.given, self._file_inputs, local)
        self._supervisor.send(
            wire.Predict(id=live.id, input=given, context=live.context, dir=str(folder))
        )

    def _cannot_start(self, live: Live, worker: str, error: Exception) -> Actions:
        _log.error("Cannot start prediction %s", live.id, exc_info=error)
        live.result = failed(f"The prediction cannot be started: {type(error).__name__}")
        return self._pool.finish(worker, live.id)

    def _stop(self, live: Live, worker: str) -> Actions:
        if live.arrival is None:
            self._supervisor.send(wire.Cancel(id=live.id))
            return ()
        live.arrival.cancel()
        live.result = Result(status=Status.CANCELED)
        return self._pool.finish(worker, live.id)

    def _finish(self, worker: str, done: wire.Done) -> None:
        live = self._live.get(done.id)
        actions = self._pool.finish(worker, done.id)
        if live is None or not actions:
            _log.warning("%s ended prediction %r, which it does not run", worker, done.id)
            return
        live.result = result_of(done)
        self._pace.note(done.predict_time)
        self._perform(actions)

    def _end(self, live: Live, reason: Reason, why: str) -> None:
        if live.arrival is not None:
            live.arrival.cancel()
        if reason is Reason.CANCELED:
            live.result = Result(status=Status.CANCELED)
        elif live.result is None:
            started = live.prediction.started_at
            taken = (self._around.now() - started).total_seconds() if started else 0.0
            live.result = failed(why, predict_time=taken)
        if live.result.output is not None:
            live.outputs.add(live.result.output, partial(_complete, live))
        live.outputs.end(partial(self._conclude, live))

    def _conclude(self, live: Live) -> None:
        """Everything that the prediction gave has been passed on; end it."""
        result = live.result
        assert result is not None
        if live.outputs.error:
            result = failed(live.outputs.error, predict_time=result.predict_time)
        self._model_log.end(live.id)
        live.prediction.end(result, self._around.now())
        if live.folder is not None:
            self._around.scratch.take_back(live.folder)
        self._around.store.end(live.close(), partial(self._tell, live))

    def _tell(self, live: Live) -> None:
        del self._live[live.id]
        live.tell()
        if not self._live:
            self._idle.set()

    def _print(self, message: wire.Log) -> None:
        if message.id is not None and (live := self._live.get(message.id)) is not None:
            live.prediction.log(message.data)
            live.feed.add(events.Logged(message.stream, message.data))
        self._model_log.add(message.id, message.stream, message.data)

    def _measure(self, message: wire.Metric) -> None:
        if (live := self._live.get(message.id)) is None:
            return
        try:
            live.prediction.measure(message.name, message.value, message.mode)
        except (TypeError, ValueError) as error:
            _log.warning("A metric of prediction %s is not one: %s", live.id, error)
        else:
            live.feed.add(events.Measured(message.name, message.value, message.mode))

    # Small questions

    def _check_ready(self) -> None:
        phase = self._supervisor.phase
        if phase is Phase.STARTING:
            raise NotReady("")
        if phase not in {Phase.READY, Phase.RESTARTING}:
            raise NotReady(self._supervisor.trouble)

    def _tracked(self, record: Record) -> Tracked:
        return self._live.get(record.id) or Past(record)

    def _place(self, prediction_id: str) -> Place | None:
        position = self._pool.position(prediction_id)
        if position is None:
            return None
        wait = self._pace.wait(waiting=position, running=self._pool.running)
        return Place(position, wait)

    def _ask_health(self, nonce: int) -> None:
        self._supervisor.send(wire.Healthcheck(nonce=nonce))

    def __repr__(self) -> str:
        return f"<Service {self._supervisor.phase.value}, {self._pool!r}>"


def _show(live: Live, item: object) -> None:
    live.feed.add(events.Output(len(live.prediction.items), item))
    live.prediction.items.append(item)


def _complete(live: Live, output: object) -> None:
    assert live.result is not None
    live.result = replace(live.result, output=output)
