"""How long predictions take, and so when a refused client may come back."""

from __future__ import annotations

import math

LONGEST = 600
"""Seconds; a client that is told to wait longer has better asked again."""

_WEIGHT = 1 / 8  # of the latest prediction in the average


class Pace:
    """A moving average of the seconds that a prediction takes, one to begin with."""

    def __init__(self) -> None:
        self._mean = 1.0

    def note(self, seconds: float) -> None:
        """A prediction took so long."""
        self._mean += (seconds - self._mean) * _WEIGHT

    def wait(self, *, waiting: int, running: int) -> float:
        """Return in how many seconds ``waiting`` predictions will have started."""
        return self._mean * waiting / max(1, running)

    def retry_after(self, *, waiting: int, running: int) -> int:
        """Return `wait` as whole seconds, 1 to `LONGEST`."""
        wait = math.ceil(self.wait(waiting=waiting, running=running))
        return max(1, min(wait, LONGEST))
