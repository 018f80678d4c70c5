"""Runs handlers that are not async: one at a time, in the main thread, as a plain program would."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections import deque
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

from cog.exceptions import CancelationException
from cog.worker.call import Call, Worker, awaited, new_call
from cog.worker.failure import traceback_text
from cog.worker.inbox import Inbox
from cog.worker.output import is_stream
from cog.worker.runs import Outcome, Run

_END = object()


class SyncRunner:
    """Predictions wait in a queue for the main thread, which is in `serve`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._queue: deque[Run] = deque()
        self._stopped = False

    def start(self, run: Run) -> None:
        """Run a prediction when its turn comes; returns at once."""
        self._queue.append(run)

    def cancel(self, run: Run) -> None:
        """Cancel a prediction, running or waiting."""
        self._worker.interrupt.cancel(run)

    def stop(self) -> None:
        """Let `serve` return when the running prediction has ended."""
        self._stopped = True

    def serve(self, inbox: Inbox) -> None:
        """Run predictions until `stop`; call it in the main thread."""
        while not self._stopped:
            if not self._queue:
                inbox.wait(self._has_something)
                continue
            call = new_call(self._worker, self._queue.popleft())
            # A context of its own: what a handler puts into context variables stays in it.
            call.finish(contextvars.copy_context().run(self._run, call))

    def _has_something(self) -> bool:
        return self._stopped or bool(self._queue)

    def _run(self, call: Call) -> Outcome:
        guard, run = self._worker.interrupt.guard, call.run
        call.enter()
        try:
            result = guard(run, lambda: self._result(call))
            if not is_stream(result):
                output = guard(run, lambda: call.encoder.encode(result))
                return Outcome(status="succeeded", output=output)
        except BaseException as error:
            return call.failed(error, is_iterator=False)
        return self._stream(call, result)

    def _result(self, call: Call) -> Any:  # noqa: ANN401 - whatever the handler returns
        result = self._worker.handler.run(**call.arguments())
        if isinstance(result, AsyncIterator):
            raise TypeError(
                "the handler gave an async generator but is not async itself; "
                "does a decorator hide that it is?"
            )
        # The same with a coroutine does no harm.
        return asyncio.run(awaited(result)) if inspect.isawaitable(result) else result

    def _stream(self, call: Call, items: Iterator[object]) -> Outcome:
        run = call.run
        try:
            while (
                item := self._worker.interrupt.guard(run, lambda: next(items, _END))
            ) is not _END:
                self._worker.runs.item(run, call.encoder.encode(item, f"output[{run.items}]"))
        except BaseException as error:
            outcome = call.failed(error, is_iterator=True)
            self._close(call, items, error)
            return outcome
        return Outcome(status="succeeded", is_iterator=True)

    def _close(self, call: Call, items: Iterator[object], error: BaseException) -> None:
        """Let a generator that was stopped between two items clean up.

        It is told of a cancelation the way it would have been told while it was running.
        """
        if not isinstance(items, Generator):
            return
        try:
            if isinstance(error, CancelationException):
                items.throw(error)
            items.close()
        except BaseException as another:
            # A generator that has ended already raises the same error again.
            if another is not error and not isinstance(another, StopIteration):
                self._worker.runs.note(call.run, traceback_text(another))
