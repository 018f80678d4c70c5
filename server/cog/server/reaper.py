"""Reaps the children of others that fall to us where we are process 1 of a container.

Under an init such as tini, which our images have, there is nothing to do. Without one, processes
that the model has started and left behind become ours, and nobody else would wait for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Set
from pathlib import Path

PAUSE = 0.5
"""Seconds between looks. Whoever started a child that has ended comes first: it is left alone until
it has been seen twice."""


class Reaper:
    """Waits for every child that is not in ``ours``, a set that others keep up to date."""

    def __init__(self, ours: Set[int]) -> None:
        self._ours = ours
        self._seen: set[int] = set()

    def start(self) -> None:
        """Look again and again; SIGCHLD belongs to the event loop."""
        self.reap()
        asyncio.get_running_loop().call_later(PAUSE, self.start)

    def reap(self) -> int:
        """Reap the strangers that have ended and were there at the last look; returns how many."""
        strangers = _children() - self._ours
        reaped = 0
        for pid in strangers & self._seen:
            with contextlib.suppress(ChildProcessError):
                reaped += os.waitpid(pid, os.WNOHANG)[0] != 0
        self._seen = strangers
        return reaped


def _children() -> set[int]:
    """Return our children, from proc(5), dead ones too."""
    found: set[int] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, listing.read_text().split()))
    return found
