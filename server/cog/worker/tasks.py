"""Runs async handlers: as tasks of one event loop in the main thread, several at a time."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from cog.worker.call import Call, Worker, new_call
from cog.worker.failure import traceback_text
from cog.worker.inbox import Inbox
from cog.worker.output import is_stream
from cog.worker.runs import Outcome, Run


class TaskRunner:
    """Each prediction is a task; the main thread makes this object, and is in `serve`."""

    def __init__(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        self._worker = worker
        self._loop = loop
        self._thread = threading.get_ident()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    def start(self, run: Run) -> None:
        """Run a prediction at once; call it in any thread."""
        self._in_loop(self._begin, run)

    def cancel(self, run: Run) -> None:
        """Cancel a prediction; call it in any thread."""
        run.canceled = True
        self._in_loop(self._interrupt, run)

    def stop(self) -> None:
        """Let `serve` return; call it in any thread."""
        self._stopped = True
        self._loop.call_soon_threadsafe(self._loop.stop)

    def serve(self, inbox: Inbox) -> None:
        """Run predictions until `stop`; call it in the main thread."""
        self._loop.add_reader(inbox.fileno(), inbox.take)
        while not self._stopped:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                # A task of the model's own; asyncio ends the loop for these two.
                self._worker.runs.note(None, traceback_text(error))
        self._loop.remove_reader(inbox.fileno())
        self._loop.run_until_complete(_wind_up())
        self._loop.close()

    def _in_loop(self, step: Callable[[Run], None], run: Run) -> None:
        # The inbox's other thread stands in when the model's code holds the loop up.
        if threading.get_ident() == self._thread:
            step(run)
        else:
            self._loop.call_soon_threadsafe(step, run)

    def _begin(self, run: Run) -> None:
        task = self._loop.create_task(self._run(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _interrupt(self, run: Run) -> None:
        # Without a task it has not begun, and will see for itself.
        if run.task is not None and not run.interrupted:
            run.interrupted = True
            run.task.cancel()

    async def _run(self, run: Run) -> None:
        call = new_call(self._worker, run)
        run.task = asyncio.current_task()
        call.enter()
        outcome = await self._outcome(call)
        run.task = None
        call.finish(outcome)

    async def _outcome(self, call: Call) -> Outcome:
        if call.run.canceled:
            return Outcome(status="canceled")
        try:
            result = await self._result(call)
            if not isinstance(result, AsyncIterator):
                return Outcome(status="succeeded", output=call.encoder.encode(result))
        except BaseException as error:
            return call.failed(error, is_iterator=False)
        return await self._stream(call, result)

    async def _result(self, call: Call) -> Any:  # noqa: ANN401 - whatever the handler returns
        handler = self._worker.handler
        if handler.inputs.fetches(call.run.message.input):
            arguments = await asyncio.to_thread(call.arguments)
        else:
            arguments = call.arguments()
        result = handler.run(**arguments)
        if inspect.isawaitable(result):
            result = await result
        return _as_async(result) if is_stream(result) else result

    async def _stream(self, call: Call, items: AsyncIterator[object]) -> Outcome:
        run = call.run
        try:
            async for item in items:
                self._worker.runs.item(run, call.encoder.encode(item, f"output[{run.items}]"))
                # A turn for the loop: a generator that awaits nothing could not be canceled.
                await asyncio.sleep(0)
        except BaseException as error:
            outcome = call.failed(error, is_iterator=True)
            await self._close(call, items, error)
            return outcome
        return Outcome(status="succeeded", is_iterator=True)

    async def _close(self, call: Call, items: AsyncIterator[object], error: BaseException) -> None:
        """Let a generator that was stopped between two items clean up.

        It is told of a cancelation the way it would have been told while it was waiting.
        """
        if not inspect.isasyncgen(items):
            return
        try:
            if isinstance(error, asyncio.CancelledError):
                await items.athrow(error)
            await items.aclose()
        except BaseException as another:
            if another is not error and not isinstance(another, StopAsyncIteration):
                self._worker.runs.note(call.run, traceback_text(another))


async def _wind_up() -> None:
    """Cancel the model's own tasks, so that none complains of being destroyed."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


async def _as_async(items: Iterator[object]) -> AsyncIterator[object]:
    for item in items:
        yield item
