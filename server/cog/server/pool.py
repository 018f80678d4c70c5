"""Which waiting prediction runs on which worker: decisions, no I/O, no clock.

All mutable state is the queue, the table of running predictions and the table of workers. Every
event returns the actions that follow from it; the caller carries them out in order. Each prediction
that `Pool.submit` takes gets exactly one `End`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass


class PoolError(Exception):
    """A prediction that was not taken; nothing has changed."""


class QueueFull(PoolError):
    """No slot is free and the queue holds as many as it may; the client can come back."""


class AtCapacity(PoolError):
    """No slot is free and there is no queue (capacity 0)."""


class Closed(PoolError):
    """The server is shutting down and takes nothing more."""


class IdInUse(PoolError):
    """A prediction with this id has been taken and has not ended."""


class Reason(enum.Enum):
    """Why a prediction left the pool."""

    FINISHED = "finished"  # the worker said so: what it said is the result
    CANCELED = "canceled"  # taken back while it was waiting
    LOST = "lost"  # its worker went down
    CLOSED = "closed"  # it was waiting when the pool closed


@dataclass(frozen=True, slots=True)
class Start:
    """Send the prediction to the worker; it now holds one of the worker's slots."""

    id: str
    worker: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask the worker to cancel the prediction; the slot stays taken until the worker answers."""

    id: str
    worker: str


@dataclass(frozen=True, slots=True)
class End:
    """The prediction is over; nothing with this id follows until the id is submitted again."""

    id: str
    reason: Reason


Action = Start | Stop | End
Actions = tuple[Action, ...]


class Pool:
    """A queue of at most ``capacity`` waiting predictions in front of the slots of workers.

    First in, first out. A prediction that can start at once never counts against ``capacity``.
    Among workers with room the one with the most free slots is chosen, the earliest if equal.
    """

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: dict[str, None] = {}  # a dict keeps order and forgets one id in O(1)
        self._running: dict[str, str] = {}  # id -> worker
        self._stopping: set[str] = set()  # running ids whose worker has been asked to cancel
        self._free: dict[str, int] = {}  # worker -> free slots
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many predictions wait for a slot."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many predictions hold a slot."""
        return len(self._running)

    @property
    def idle(self) -> int:
        """How many slots are free."""
        return sum(self._free.values())

    def position(self, prediction: str) -> int | None:
        """Return the place of a waiting prediction, 1 for the next; None: it does not wait."""
        if prediction not in self._waiting:
            return None
        return list(self._waiting).index(prediction) + 1

    def submit(self, prediction: str) -> Actions:
        """Take a prediction; raises a PoolError that says why not."""
        if self._closed:
            raise Closed("the server is shutting down")
        if prediction in self._waiting or prediction in self._running:
            raise IdInUse(f"a prediction with the id {prediction!r} has not ended yet")
        if not self.idle and self.waiting >= self._capacity:
            if self._capacity == 0:
                raise AtCapacity("all slots are busy and there is no queue")
            raise QueueFull(f"{self.waiting} predictions are waiting")
        self._waiting[prediction] = None
        return tuple(self._fill())

    def cancel(self, prediction: str) -> Actions:
        """End a waiting prediction, stop a running one once; an unknown id changes nothing."""
        if prediction in self._waiting:
            del self._waiting[prediction]
            return (End(prediction, Reason.CANCELED),)
        if prediction in self._running and prediction not in self._stopping:
            self._stopping.add(prediction)
            return (Stop(prediction, self._running[prediction]),)
        return ()

    def finish(self, worker: str, prediction: str) -> Actions:
        """A worker ended a prediction; nothing happens if it was not running there."""
        if self._running.get(prediction) != worker:
            return ()
        self._forget(prediction)
        self._free[worker] += 1
        return (End(prediction, Reason.FINISHED), *self._fill())

    def worker_up(self, worker: str, slots: int) -> Actions:
        """A worker is ready to run ``slots`` predictions at once."""
        if worker in self._free:
            raise ValueError(f"worker {worker!r} is up already")
        self._free[worker] = slots
        return tuple(self._fill())

    def worker_down(self, worker: str) -> Actions:
        """A worker is gone and took its running predictions with it; waiting ones stay."""
        if self._free.pop(worker, None) is None:
            return ()
        lost = [prediction for prediction, place in self._running.items() if place == worker]
        for prediction in lost:
            self._forget(prediction)
        return tuple(End(prediction, Reason.LOST) for prediction in lost)

    def drop_waiting(self) -> Actions:
        """End everything that waits (no worker will come); running ones go on."""
        dropped = tuple(End(prediction, Reason.CLOSED) for prediction in self._waiting)
        self._waiting.clear()
        return dropped

    def close(self) -> Actions:
        """Take nothing more and end everything that waits; running ones go on."""
        self._closed = True
        return self.drop_waiting()

    def _fill(self) -> Iterator[Start]:
        while self._waiting and (worker := self._roomiest()) is not None:
            prediction = next(iter(self._waiting))
            del self._waiting[prediction]
            self._running[prediction] = worker
            self._free[worker] -= 1
            yield Start(prediction, worker)

    def _roomiest(self) -> str | None:
        worker = max(self._free, key=self._free.__getitem__, default=None)
        return worker if worker is not None and self._free[worker] > 0 else None

    def _forget(self, prediction: str) -> None:
        del self._running[prediction]
        self._stopping.discard(prediction)

    def __repr__(self) -> str:
        return f"<Pool {self.running} running, {self.idle} idle, {self.waiting} waiting>"
