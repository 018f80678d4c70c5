"""The worker process as a whole: what is wired to what, and how it starts and ends."""

from __future__ import annotations

import asyncio
import atexit
import faulthandler
import inspect
import os
import platform
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from cog import wire
from cog.worker.call import Worker, awaited
from cog.worker.capture import Capture, redirect
from cog.worker.channel import Channel
from cog.worker.failure import LoadError, error_text, traceback_text
from cog.worker.health import TIMEOUT, HealthChecker
from cog.worker.inbox import Inbox
from cog.worker.interrupt import Interrupt
from cog.worker.load import Handler, load, setup_arguments
from cog.worker.options import Options
from cog.worker.parent import die_with_parent
from cog.worker.runs import Runs
from cog.worker.signals import ignore_end
from cog.worker.sync import SyncRunner
from cog.worker.tasks import TaskRunner

GRACE = 2.0
"""Seconds for the model's exit handlers and threads when an idle worker is told to end."""


class Process:
    """The main thread loads and runs the model."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._socket = socket.socket(fileno=options.fd)
        self._socket.set_inheritable(False)
        self._channel = Channel(self._socket)
        self._runs = Runs(self._channel, time.perf_counter)
        self._interrupt = Interrupt()
        self._capture = Capture(self._runs, self._interrupt, options.read_fds or redirect())
        self._health = HealthChecker(None, self._channel.send)
        self._runner: SyncRunner | TaskRunner | None = None
        self._inbox = Inbox(self._socket, self._obey, _vanish, self._broken)

    def main(self) -> int:
        """Serve until the server says stop; returns the exit status."""
        die_with_parent()
        _close_stdin()
        ignore_end()
        self._interrupt.install()
        os.register_at_fork(after_in_child=self._after_fork)
        # A crash in native code says where it was; to the descriptor, since that needs no Python.
        faulthandler.enable(file=2)
        self._capture.start()
        self._inbox.start()
        # The first to register is the last to run: the model's exit handlers may print.
        atexit.register(self._channel.close, GRACE)
        return self._serve()

    def _serve(self) -> int:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            handler, concurrency = self._prepare(loop)
        except BaseException as error:
            self._setup_failed(error)
            _exit_after(GRACE, 1)
            return 1
        worker = Worker(
            handler=handler,
            runs=self._runs,
            capture=self._capture,
            interrupt=self._interrupt,
            user_agent=self._options.user_agent,
        )
        self._runner = TaskRunner(worker, loop) if handler.is_async else SyncRunner(worker)
        if handler.healthcheck is not None:
            probe = _probe(handler.healthcheck, loop if handler.is_async else None)
            self._health = HealthChecker(self._apart(probe), self._channel.send)
        self._settle()
        self._channel.send(_ready(handler, concurrency))
        self._runner.serve(self._inbox)
        return 0

    def _prepare(self, loop: asyncio.AbstractEventLoop) -> tuple[Handler, int]:
        options = self._options
        file = options.ref.partition(":")[0]
        # As when the project's file is started by hand; libraries that parse it at import find no
        # options of ours.
        sys.argv[:] = [str(options.root / file)]
        sys.path.insert(0, str(options.root))
        handler = load(options.ref, options.root, options.mode)
        concurrency = _concurrency(handler, options.concurrency)
        if handler.setup is not None:
            result = handler.setup(**setup_arguments(handler.setup, options.weights))
            if inspect.isawaitable(result):
                loop.run_until_complete(awaited(result))
        return handler, concurrency

    def _setup_failed(self, error: BaseException) -> None:
        known = isinstance(error, LoadError)
        text = str(error) if known else error_text(error)
        traceback = "" if known else traceback_text(error)
        self._settle()
        self._runs.note(None, traceback or f"{text}\n")
        self._channel.send(wire.SetupFailed(error=text, traceback=traceback))

    def _settle(self) -> None:
        self._capture.settle()
        self._runs.flush()

    def _apart(self, probe: Callable[[], object]) -> Callable[[], object]:
        """Return ``probe`` in a context of no prediction, so what it prints belongs to none."""

        def apart() -> object:
            with self._runs.apart():
                return probe()

        return apart

    def _obey(self, message: wire.ToWorker) -> None:
        match message:
            case wire.Predict():
                if self._runner is None:
                    raise wire.FrameError("a prediction before the worker was ready")
                self._runner.start(self._runs.begin(message))
            case wire.Cancel():
                run = self._runs.find(message.id)
                if run is not None and self._runner is not None:
                    self._runner.cancel(run)
            case wire.Healthcheck():
                self._health.check(message.nonce)
            case wire.Ping():
                self._channel.send(wire.Pong(nonce=message.nonce))
            case wire.Shutdown():
                if self._runner is None or self._runs.busy:
                    self._end(0)
                _exit_after(GRACE, 0)
                self._runner.stop()

    def _broken(self, error: BaseException) -> NoReturn:
        self._runs.note(None, traceback_text(error))
        self._end(2)

    def _end(self, status: int) -> NoReturn:
        self._channel.close(GRACE)
        os._exit(status)

    def _after_fork(self) -> None:
        self._capture.detach()
        self._channel.detach()
        self._runs.detach()


def _close_stdin() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def _vanish() -> NoReturn:
    """End, with all that the model has started: there is nobody left who would end it."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _exit_after(seconds: float, status: int) -> None:
    timer = threading.Timer(seconds, os._exit, (status,))
    timer.daemon = True
    timer.start()


def _concurrency(handler: Handler, asked: int) -> int:
    wanted = asked if asked > 0 else handler.concurrent_max or 1
    if wanted > 1 and not handler.is_async:
        raise LoadError("COG_MAX_CONCURRENCY > 1 requires an async run() or predict() method")
    return wanted


def _ready(handler: Handler, concurrency: int) -> wire.Ready:
    return wire.Ready(
        concurrency=concurrency,
        is_async=handler.is_async,
        streaming=handler.streaming,
        python=platform.python_version(),
        has_healthcheck=handler.healthcheck is not None,
        file_inputs=handler.inputs.files,
    )


def _probe(
    healthcheck: Callable[[], object], loop: asyncio.AbstractEventLoop | None
) -> Callable[[], object]:
    """Return a function that runs a model's healthcheck, async or not, from any thread."""

    def probe() -> object:
        result = healthcheck()
        if not inspect.isawaitable(result):
            return result
        if loop is None:
            return asyncio.run(awaited(result))
        return asyncio.run_coroutine_threadsafe(awaited(result), loop).result(TIMEOUT)

    return probe
