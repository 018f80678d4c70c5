"""How long predictions take: when a refused client may come back, and whose take longer."""

from __future__ import annotations

import math
from collections import OrderedDict

LONGEST = 600
"""Seconds; a client that is told to wait longer has better asked again."""

CLIENTS = 1024
"""Clients whose pace is remembered, the latest."""

_WEIGHT = 1 / 8  # of the latest prediction in an average


class Pace:
    """Moving averages of the seconds that a prediction takes, one second to begin with."""

    def __init__(self) -> None:
        self._mean = 1.0
        self._clients: OrderedDict[str, float] = OrderedDict()

    def note(self, client: str, seconds: float) -> None:
        """A prediction of this client took so long."""
        theirs = self._clients.pop(client, self._mean)
        self._clients[client] = theirs + (seconds - theirs) * _WEIGHT
        if len(self._clients) > CLIENTS:
            self._clients.popitem(last=False)
        self._mean += (seconds - self._mean) * _WEIGHT

    def cost(self, client: str) -> float:
        """Return how many times longer than most this client's predictions take."""
        return self._clients.get(client, self._mean) / self._mean if self._mean else 1.0

    def wait(self, *, waiting: int, slots: int) -> float:
        """Return in how many seconds ``waiting`` predictions will have started."""
        return self._mean * waiting / max(1, slots)

    def retry_after(self, *, waiting: int, slots: int) -> int:
        """Return `wait` as whole seconds, 1 to `LONGEST`."""
        wait = math.ceil(self.wait(waiting=waiting, slots=slots))
        return max(1, min(wait, LONGEST))
