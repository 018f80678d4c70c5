"""Who is next among the predictions that wait: by priority, fair between clients. No I/O, no clock.

Priorities are the urgencies of RFC 9218, 0 the first and 7 the last. Within a priority clients take
turns (deficit round robin, so that one whose predictions take long gets fewer turns), and each
client's own predictions keep their order. A priority that is passed over rises a step every
`PATIENCE` times, so nothing waits for ever behind a stream of more urgent requests.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple, Protocol

PATIENCE = 8
"""Starts of other priorities after which one that waits counts as one step more urgent."""

PRIORITIES = range(8)

_QUANTUM = 1.0
MOST, LEAST = 8.0, 1 / 8
"""Costs beyond these count as these, so that a turn always comes after a few rounds."""


class Waiting(NamedTuple):
    """A prediction that waits; ``cost`` 1 is one that takes as long as most, ``size`` its bytes."""

    id: str
    client: str = ""
    priority: int = 3
    cost: float = 1.0
    size: int = 0


class Queue(Protocol):
    """Predictions in the order in which they are to start.

    A queue that many servers share passes the same conformance suite
    (``tests/server/conformance``) and needs no change above it.
    """

    @property
    def size(self) -> int:
        """Bytes of the requests that wait."""

    def __len__(self) -> int: ...

    def __contains__(self, prediction: object) -> bool: ...

    def __iter__(self) -> Iterator[str]:
        """Iterate the ids that wait, in no particular order."""

    def put(self, waiting: Waiting) -> None:
        """Add one; its id is not in the queue."""

    def take(self) -> Waiting:
        """Remove and return the next; raises IndexError if nothing waits."""

    def remove(self, prediction: str) -> bool:
        """Remove one wherever it stands; False: it is not in the queue."""

    def position(self, prediction: str) -> int | None:
        """Return how many starts it takes until it has started, as far as can be told now."""

    def depths(self) -> dict[int, int]:
        """Return how many wait at each priority at which any does."""


class MemoryQueue(Queue):
    """A `Queue` in this process; nothing in it takes longer the more predictions wait."""

    def __init__(self) -> None:
        self._all: dict[str, Waiting] = {}
        self._bands: dict[int, _Band] = {}
        self._size = 0

    @property
    def size(self) -> int:
        """See `Queue`."""
        return self._size

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, prediction: object) -> bool:
        return prediction in self._all

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def put(self, waiting: Waiting) -> None:
        """See `Queue`."""
        assert waiting.id not in self._all
        if (band := self._bands.get(waiting.priority)) is None:
            band = self._bands[waiting.priority] = _Band(waiting.priority)
        band.put(waiting)
        self._all[waiting.id] = waiting
        self._size += waiting.size

    def take(self) -> Waiting:
        """See `Queue`."""
        if not self._bands:
            raise IndexError("nothing waits")
        chosen = min(self._bands.values(), key=_Band.urgency)
        for band in self._bands.values():
            band.passed = 0 if band is chosen else band.passed + 1
        waiting = chosen.take()
        self._forget(waiting)
        return waiting

    def remove(self, prediction: str) -> bool:
        """See `Queue`."""
        waiting = self._all.get(prediction)
        if waiting is None:
            return False
        self._bands[waiting.priority].remove(waiting)
        self._forget(waiting)
        return True

    def position(self, prediction: str) -> int | None:
        """See `Queue`; it takes all costs for equal and no priority to rise."""
        waiting = self._all.get(prediction)
        if waiting is None:
            return None
        sooner = (band for urgency, band in self._bands.items() if urgency < waiting.priority)
        return sum(map(len, sooner)) + self._bands[waiting.priority].position(waiting)

    def depths(self) -> dict[int, int]:
        """See `Queue`."""
        return {priority: len(band) for priority, band in sorted(self._bands.items())}

    def _forget(self, waiting: Waiting) -> None:
        del self._all[waiting.id]
        self._size -= waiting.size
        if not self._bands[waiting.priority]:
            del self._bands[waiting.priority]

    def __repr__(self) -> str:
        return f"<MemoryQueue {len(self)} waiting, {self._size} bytes>"


class _Flow:
    """What one client has waiting at one priority, and what it may spend."""

    __slots__ = ("credit", "ids", "paid")

    def __init__(self) -> None:
        self.ids: dict[str, Waiting] = {}
        self.credit = 0.0
        self.paid = False  # whether it has been given the quantum of this turn

    def first(self) -> Waiting:
        return next(iter(self.ids.values()))


class _Band:
    """One priority: clients take turns, the front of ``_flows`` has the turn."""

    __slots__ = ("_count", "_flows", "_priority", "passed")

    def __init__(self, priority: int) -> None:
        self._priority = priority
        self._flows: OrderedDict[str, _Flow] = OrderedDict()
        self._count = 0
        self.passed = 0  # starts of other priorities since the last of this one

    def __len__(self) -> int:
        return self._count

    def urgency(self) -> tuple[int, int]:
        return self._priority - self.passed // PATIENCE, self._priority

    def put(self, waiting: Waiting) -> None:
        if (flow := self._flows.get(waiting.client)) is None:
            flow = self._flows[waiting.client] = _Flow()
        flow.ids[waiting.id] = waiting
        self._count += 1

    def take(self) -> Waiting:
        while True:
            client, flow = next(iter(self._flows.items()))
            waiting = flow.first()
            if not flow.paid:
                flow.credit += _QUANTUM
                flow.paid = True
            if flow.credit >= _cost(waiting):
                flow.credit -= _cost(waiting)
                self.remove(waiting)
                if flow.ids and flow.credit < _cost(flow.first()):
                    self._turn_is_over(client, flow)
                return waiting
            self._turn_is_over(client, flow)

    def _turn_is_over(self, client: str, flow: _Flow) -> None:
        flow.paid = False
        self._flows.move_to_end(client)

    def remove(self, waiting: Waiting) -> None:
        flow = self._flows[waiting.client]
        del flow.ids[waiting.id]
        self._count -= 1
        if not flow.ids:  # nobody saves credit while away
            del self._flows[waiting.client]

    def position(self, waiting: Waiting) -> int:
        own = list(self._flows[waiting.client].ids).index(waiting.id) + 1
        position, rounds = own, own
        for client, flow in self._flows.items():
            if client == waiting.client:
                rounds = own - 1  # those behind it have had one turn less by then
            else:
                position += min(len(flow.ids), rounds)
        return position


def _cost(waiting: Waiting) -> float:
    return min(max(waiting.cost, LEAST), MOST)
