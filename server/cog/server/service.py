"""The one owner of all state: feeds what happens to the pool and carries out what it decides.

Everything runs on one event loop, and nothing is awaited between asking the pool and acting on its
answer, so there are no locks. Each prediction taken ends exactly once: its ``ended`` future.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import cast

from cog import wire
from cog.server.files import OutputFileError, data_url, render, render_without_files
from cog.server.health import Health, UserHealthcheck
from cog.server.logs import LOGGER, ModelLog
from cog.server.pace import Pace
from cog.server.pool import Action, Actions, AtCapacity, IdInUse, Pool, Reason, Start, Stop
from cog.server.prediction import Prediction, Result, Status, failed, result_of
from cog.server.process import Exit
from cog.server.request import PredictionRequest, checked_input
from cog.server.schema import InputSchema
from cog.server.scratch import Scratch
from cog.server.supervisor import Launch, Owner, Phase, Supervisor, WorkerPolicy

_log = logging.getLogger(LOGGER)

_WORKER = "worker-1"


class NotReady(Exception):
    """The model takes no predictions now; the text says why, empty while setup still runs."""


@dataclass(slots=True, eq=False)
class Live:
    """A prediction that has been taken; ``ended`` is done once it has ended and been recorded."""

    prediction: Prediction
    ended: asyncio.Future[None]
    given: dict[str, object]  # as the client sent it, secrets and all
    context: dict[str, str]
    folder: Path | None = None
    items: list[object] = field(default_factory=list)  # as they came over the wire
    result: Result | None = None  # what its worker said, until the pool lets it end


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the service does not decide: workers, time, names, folders to write in."""

    launch: Launch
    scratch: Scratch
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
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Future[None]] = set()
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

    def submit(self, request: PredictionRequest, *, echo: bool = True) -> Live:
        """Take a prediction; ``echo``: clients see its input.

        Raises NotReady, InvalidInput or a PoolError, and then nothing has happened.
        """
        self._check_ready()
        given, unknown = checked_input(request.input, self._schema)
        if unknown:
            _log.warning("Unknown inputs are ignored: %s", ", ".join(unknown))
        shown = self._schema.hide_secrets(given) if self._schema else given
        prediction = Prediction(
            request.id or self._around.new_id(), shown if echo else None, self._around.now()
        )
        ended = asyncio.get_running_loop().create_future()
        live = Live(prediction, ended, given, request.context or {})
        actions = self._enqueue(prediction.id)
        self._live[prediction.id] = live
        self._idle.clear()
        self._perform(actions)
        return live

    def cancel(self, prediction_id: str) -> bool:
        """Cancel a prediction; False: there is none with this id. Repeating it is harmless."""
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
        if self._tasks:
            await asyncio.wait(self._tasks)

    # What the supervisor tells

    def worker_ready(self, worker: str, ready: wire.Ready) -> None:
        """See `Owner`."""
        _log.info("The worker is ready, %d predictions at once", ready.concurrency)
        self._perform(self._pool.worker_up(worker, ready.concurrency))

    def worker_message(self, worker: str, message: wire.ToServer) -> None:
        """See `Owner`."""
        if isinstance(message, wire.Log):
            self._print(message)
        elif isinstance(message, wire.Output):
            if (live := self._live.get(message.id)) is not None:
                live.items.append(message.value)
        elif isinstance(message, wire.Done):
            self._finish(worker, message)
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

    # Carrying out

    def _perform(self, actions: Actions, why: str = "") -> None:
        """Carry out what the pool decided; ``why`` is the error of predictions it gives up."""
        todo: deque[Action] = deque(actions)
        while todo:
            action = todo.popleft()
            if isinstance(action, Start):
                todo.extend(self._start(self._live[action.id], action.worker))
            elif isinstance(action, Stop):
                self._supervisor.send(wire.Cancel(id=action.id))
            else:
                self._end(self._live[action.id], action.reason, why)

    def _start(self, live: Live, worker: str) -> Actions:
        """Send a prediction to a worker; what cannot be sent ends and gives its slot back."""
        live.prediction.start(self._around.now())
        try:
            live.folder = self._around.scratch.lend()
            message = wire.Predict(
                id=live.prediction.id,
                input=cast("dict[str, object]", wire.escape(live.given)),
                context=live.context,
                dir=str(live.folder),
            )
            self._supervisor.send(message)
        except (OSError, ValueError) as error:
            _log.exception("Cannot start prediction %s", live.prediction.id)
            live.result = failed(f"The prediction cannot be started: {type(error).__name__}")
            return self._pool.finish(worker, live.prediction.id)
        return ()

    def _finish(self, worker: str, done: wire.Done) -> None:
        live = self._live.get(done.id)
        actions = self._pool.finish(worker, done.id)
        if live is None or not actions:
            _log.warning("%s ended prediction %r, which it does not run", worker, done.id)
            return
        live.result = result_of(done, live.items)
        self._pace.note(done.predict_time)
        self._perform(actions)

    def _end(self, live: Live, reason: Reason, why: str) -> None:
        if reason is Reason.CANCELED:
            self._close(live, Result(status=Status.CANCELED))
        elif live.result is not None:
            self._conclude(live, live.result)
        else:
            started = live.prediction.started_at
            taken = (self._around.now() - started).total_seconds() if started else 0.0
            items = live.items or None
            self._conclude(live, failed(why, output=items, predict_time=taken))

    def _conclude(self, live: Live, result: Result) -> None:
        """Turn the output into what clients see, off the event loop if there are files in it."""
        try:
            plain, output = render_without_files(result.output)
        except RecursionError:
            self._close(live, failed("The output is nested too deeply"))
            return
        if plain:
            self._close(live, replace(result, output=output))
        else:
            assert live.folder is not None, "only what has run has an output"
            task = asyncio.ensure_future(self._conclude_with_files(live, result, live.folder))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _conclude_with_files(self, live: Live, result: Result, folder: Path) -> None:
        try:
            output = await asyncio.to_thread(
                render, result.output, partial(data_url, folder=folder)
            )
        except OutputFileError as error:
            self._close(live, failed(str(error), predict_time=result.predict_time))
        except Exception as error:
            # Whatever it is, an accepted prediction has to end.
            _log.exception("Cannot send the output of prediction %s", live.prediction.id)
            why = f"The output cannot be sent: {type(error).__name__}"
            self._close(live, failed(why, predict_time=result.predict_time))
        else:
            self._close(live, replace(result, output=output))

    def _close(self, live: Live, result: Result) -> None:
        self._model_log.end(live.prediction.id)
        live.prediction.end(result, self._around.now())
        del self._live[live.prediction.id]
        if live.folder is not None:
            self._around.scratch.take_back(live.folder)
        live.ended.set_result(None)
        if not self._live:
            self._idle.set()

    def _print(self, message: wire.Log) -> None:
        if message.id is not None and (live := self._live.get(message.id)) is not None:
            live.prediction.log(message.data)
        self._model_log.add(message.id, message.stream, message.data)

    # Small questions

    def _check_ready(self) -> None:
        phase = self._supervisor.phase
        if phase is Phase.STARTING:
            raise NotReady("")
        if phase not in {Phase.READY, Phase.RESTARTING}:
            raise NotReady(self._supervisor.trouble)

    def _enqueue(self, prediction_id: str) -> Actions:
        if prediction_id in self._live:
            raise IdInUse(f"a prediction with the id {prediction_id!r} has not ended yet")
        try:
            return self._pool.submit(prediction_id)
        except AtCapacity as error:
            if self._supervisor.phase is Phase.READY:
                raise
            raise NotReady(f"{self._supervisor.trouble}; it is being restarted") from error

    def _ask_health(self, nonce: int) -> None:
        self._supervisor.send(wire.Healthcheck(nonce=nonce))

    def __repr__(self) -> str:
        return f"<Service {self._supervisor.phase.value}, {self._pool!r}>"
