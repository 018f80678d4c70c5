"""A limit on how long a peer may take for one step, cheap enough for every request."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Impatient(Exception):
    """The peer has taken too long."""


class Patience:
    """``with Patience(30): await …`` raises Impatient where that takes longer than 30 seconds.

    `asyncio.timeout` does the same from Python 3.11 on.
    """

    __slots__ = ("_late", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._late = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._give_up)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._late:
            if hasattr(self._task, "uncancel"):
                self._task.uncancel()
            if isinstance(error, asyncio.CancelledError):
                raise Impatient from error

    def _give_up(self) -> None:
        self._late = True
        self._task.cancel()
