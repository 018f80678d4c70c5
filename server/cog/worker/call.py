"""One call of a handler: its arguments, its result, how it failed. Shared by both runners."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from cog._metrics import Mode
from cog._scope import Scope, ScopeMetrics, enter_scope
from cog.exceptions import CancelationException
from cog.worker.capture import Capture
from cog.worker.failure import InputError, error_text, traceback_text
from cog.worker.fetch import Fetcher
from cog.worker.interrupt import Interrupt
from cog.worker.load import Handler
from cog.worker.output import Encoder
from cog.worker.runs import Outcome, Run, Runs

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What both runners work with; ``user_agent`` is for inputs that are URLs."""

    handler: Handler
    runs: Runs
    capture: Capture
    interrupt: Interrupt
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A prediction with what its handler needs."""

    worker: Worker
    run: Run
    encoder: Encoder
    fetcher: Fetcher

    def arguments(self) -> dict[str, object]:
        """Return the handler's keyword arguments; may fetch files. Raises InputError."""
        return self.worker.handler.inputs.arguments(self.run.message.input, self.fetcher)

    def enter(self) -> None:
        """Make this the prediction of the current context, which is to be no one else's."""
        worker, run = self.worker, self.run

        def emit(name: str, value: object, mode: Mode) -> None:
            with worker.interrupt:
                worker.runs.metric(run, name, value, mode)

        metrics = ScopeMetrics(run.metrics, emit)
        enter_scope(Scope(run.message.context, metrics))
        worker.runs.current.set(run)

    def failed(self, error: BaseException, *, is_iterator: bool) -> Outcome:
        """Return how the prediction ended, for what its handler raised; logs a failure."""
        if self.run.canceled or isinstance(error, CancelationException):
            return Outcome(status="canceled", is_iterator=is_iterator)
        if not isinstance(error, InputError):
            self.worker.runs.note(self.run, traceback_text(error))
        return Outcome(status="failed", error=error_text(error), is_iterator=is_iterator)

    def finish(self, outcome: Outcome) -> None:
        """Send all that is left of the prediction's output, then how it ended."""
        if self.run.canceled and outcome.status != "canceled":
            # It ended before it noticed; whoever canceled it wants none of it.
            outcome = Outcome(status="canceled", is_iterator=outcome.is_iterator)
        self.worker.capture.settle()
        runs, used = self.worker.runs, self.encoder.used or self.fetcher.used
        try:
            runs.finish(self.run, outcome, folder_used=used)
        except (TypeError, ValueError, RecursionError) as error:
            runs.finish(self.run, self.failed(error, is_iterator=False), folder_used=used)


async def awaited(result: Awaitable[T]) -> T:
    """Return what an awaitable gives, as a coroutine: loops take no other."""
    return await result


def new_call(worker: Worker, run: Run) -> Call:
    """Return the call for a prediction."""
    directory = run.message.dir
    fetcher = Fetcher(directory, worker.user_agent, time.monotonic)
    return Call(worker, run, Encoder(directory), fetcher)
