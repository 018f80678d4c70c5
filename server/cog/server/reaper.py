"""Reaps the children of others that fall to us where we are process 1 of a container.

Under an init such as tini, which our images have, there is nothing to do. Without one, processes
that the model has started and left behind become ours, and nobody else would wait for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Set
from pathlib import Path

_PAUSE = 0.5
"""Seconds between a child's end and our look: whoever started it comes first."""


class Reaper:
    """Waits for every child that is not in ``ours``, a set that others keep up to date."""

    def __init__(self, ours: Set[int]) -> None:
        self._ours = ours
        self._look: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look whenever a child has ended."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._soon)

    def _soon(self) -> None:
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(_PAUSE, self.reap)

    def reap(self) -> int:
        """Reap the strangers that have ended; returns how many."""
        self._look = None
        reaped = 0
        for pid in _children() - self._ours:
            with contextlib.suppress(ChildProcessError):
                reaped += os.waitpid(pid, os.WNOHANG)[0] != 0
        return reaped


def _children() -> set[int]:
    """Return our children, from proc(5), dead ones too."""
    found: set[int] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, listing.read_text().split()))
    return found
