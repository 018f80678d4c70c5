"""Canceling a handler that is not async: an exception in the main thread, as Ctrl-C would be.

The handler runs in the main thread, and the exception is raised by the Python handler of a signal
that this process sends to itself. Unlike ``PyThreadState_SetAsyncExc`` this also ends blocking
calls (sleep, a socket, a lock, waiting for a subprocess): they are interrupted by the signal and
the exception comes out of them. Since the decision is made in the main thread itself, an exception
can never strike after the handler has returned.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TypeVar

from cog.exceptions import CancelationException
from cog.worker.runs import Run

T = TypeVar("T")

# A real-time signal, since libraries install handlers for SIGUSR1 and SIGUSR2. The first ones of
# the range belong to the C library.
SIGNAL: int = signal.SIGRTMIN + 11 if hasattr(signal, "SIGRTMIN") else signal.SIGUSR2

_FIRST_PAUSE, _LAST_PAUSE = 0.005, 0.5


class Interrupt:
    """Raises `CancelationException` in the main thread, once per prediction, in its code only.

    As a context manager it is a shield: inside, the exception waits until the block is left. The
    worker's own code that the model's code calls (writing a log, say) runs in it: Python does not
    promise that a lock is released when an exception strikes just as it is taken.
    """

    def __init__(self) -> None:
        self._main = threading.main_thread().ident
        self._armed: Run | None = None
        self._shields = 0

    def install(self) -> None:
        """Install the signal handler; call it in the main thread."""
        signal.signal(SIGNAL, self._on_signal)

    def cancel(self, run: Run) -> None:
        """Cancel a prediction that may be running in the main thread; call it in any thread."""
        if not run.canceled:
            run.canceled = True
            threading.Thread(
                target=self._insist, args=(run,), name="cog-cancel", daemon=True
            ).start()

    def guard(self, run: Run, step: Callable[[], T]) -> T:
        """Return ``step()``, a piece of the prediction's code, open to cancelation meanwhile."""
        # Armed before the check: a cancel that comes between the two is seen by one of them.
        self._armed = run
        try:
            self._strike()
            return step()
        finally:
            self._armed = None

    def __enter__(self) -> None:
        if threading.get_ident() == self._main:
            self._shields += 1

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _tb: TracebackType | None,
    ) -> None:
        if threading.get_ident() == self._main:
            self._shields -= 1
            self._strike()

    def _insist(self, run: Run) -> None:
        # More than once: a signal that comes just before a blocking call begins does not end it.
        # That is no rare case, since Python lets this thread run at that very moment.
        pause = _FIRST_PAUSE
        while not run.interrupted and not run.ended:
            if self._armed is run and self._main is not None:
                signal.pthread_kill(self._main, SIGNAL)
            time.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._strike()

    def _strike(self) -> None:
        run = self._armed
        if run is not None and run.canceled and not run.interrupted and not self._shields:
            run.interrupted = True
            raise CancelationException("the prediction was canceled")
