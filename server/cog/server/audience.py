"""Who waits for a prediction: it is cancelled once nobody does who asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from cog.server.live import Tracked

GRACE = 10.0
"""Seconds in which a client that named its request (PUT, Idempotency-Key) may come back to it."""


@dataclass(slots=True)
class _Seats:
    grace: float
    taken: int = 0


class Audience:
    """Counts those who wait, by prediction; ``cancel`` cancels one by its id.

    A prediction that was asked for with ``respond-async`` belongs to nobody who could leave.
    """

    def __init__(self, cancel: Callable[[str], object]) -> None:
        self._cancel = cancel
        self._seats: dict[str, _Seats] = {}

    def open(self, tracked: Tracked, grace: float) -> None:
        """The prediction is to be cancelled ``grace`` seconds after the last has left."""
        self._seats[tracked.id] = _Seats(grace)

    def keep(self, tracked: Tracked) -> None:
        """Somebody has asked for it without waiting: whoever leaves now, it goes on."""
        self._seats.pop(tracked.id, None)

    def enter(self, tracked: Tracked) -> None:
        """Somebody waits for it."""
        if (seats := self._seats.get(tracked.id)) is not None:
            seats.taken += 1

    def leave(self, tracked: Tracked) -> None:
        """Somebody waits no more, because it has ended or because he has gone."""
        seats = self._seats.get(tracked.id)
        if seats is None:
            return
        seats.taken -= 1
        if tracked.ended.done():
            del self._seats[tracked.id]
        elif not seats.taken and not seats.grace:
            self._end(tracked, seats)
        elif not seats.taken:
            asyncio.get_running_loop().call_later(seats.grace, self._end, tracked, seats)

    def _end(self, tracked: Tracked, seats: _Seats) -> None:
        # Somebody may have come back, or the id may be another prediction's by now.
        if seats.taken or self._seats.get(tracked.id) is not seats:
            return
        del self._seats[tracked.id]
        if not tracked.ended.done():
            self._cancel(tracked.id)
