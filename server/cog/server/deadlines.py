"""What time brings to a prediction: it waits too long, runs too long, or does not stop.

Each has at most one deadline before it, which its next step replaces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from cog.server.live import Live
from cog.server.surroundings import Limits


class Overseer(Protocol):
    """Who acts when a deadline has passed."""

    def expire(self, live: Live, why: str) -> None:
        """End what still waits; ``why`` is its error."""

    def overrun(self, live: Live, why: str) -> None:
        """Cancel what still runs; ``why`` is its error."""

    def overdue(self, live: Live) -> None:
        """It was told to stop and has not."""


class Deadlines:
    """Sets one timer a prediction, and only where there is a limit."""

    def __init__(self, limits: Limits, overseer: Overseer) -> None:
        self._limits = limits
        self._overseer = overseer

    def waits(self, live: Live) -> None:
        """It waits for a slot from now on."""
        timeout = _least(live.terms.queue_timeout, self._limits.queue_timeout)
        if timeout is not None:
            why = f"The prediction timed out: it did not start within {timeout:g} seconds"
            _set(live, timeout, self._overseer.expire, live, why)

    def starts(self, live: Live) -> None:
        """It runs from now on."""
        timeout = _least(live.terms.run_timeout, self._limits.run_timeout)
        if timeout is not None:
            why = f"The prediction timed out: it ran longer than {timeout:g} seconds"
            _set(live, timeout, self._overseer.overrun, live, why)
        else:
            clear(live)

    def stops(self, live: Live) -> None:
        """It has been told to stop."""
        clear(live)
        if self._limits.cancel_grace is not None:
            _set(live, self._limits.cancel_grace, self._overseer.overdue, live)


def clear(live: Live) -> None:
    """Nothing is to happen any more."""
    if live.timer is not None:
        live.timer.cancel()
        live.timer = None


def _set(live: Live, delay: float, what: Callable[..., None], *args: object) -> None:
    clear(live)
    live.timer = asyncio.get_running_loop().call_later(delay, what, *args)


def _least(asked: float | None, limit: float | None) -> float | None:
    """Return the shorter of two times, where there is any."""
    if asked is None or limit is None:
        return limit if asked is None else asked
    return min(asked, limit)
