"""Which waiting prediction runs on which worker: decisions, no I/O, no clock.

All mutable state is the queue and the slots. Every event returns the actions that follow from it;
the caller carries them out in order. Each prediction that `Pool.submit` takes gets exactly one
`End`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from cog.server.queue import Queue, Waiting
from cog.server.slots import Slots


class PoolError(Exception):
    """A prediction that was not taken; nothing has changed."""


class QueueFull(PoolError):
    """No slot is free and the queue holds as much as it may; the client can come back."""


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
    EXPIRED = "expired"  # it waited longer than it may
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
class Kill:
    """End the worker: it runs nothing but predictions that do not stop when they are told to."""

    worker: str


@dataclass(frozen=True, slots=True)
class End:
    """The prediction is over; nothing with this id follows until the id is submitted again."""

    id: str
    reason: Reason


Action = Start | Stop | Kill | End
Actions = tuple[Action, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How much may wait: so many predictions, with so many bytes of requests in all."""

    count: int = 100
    size: int = 256 * 1024 * 1024


class Pool:
    """A bounded queue in front of the slots of workers.

    A prediction that can start at once never counts against the bound. Who starts next, the queue
    says; where, `Slots.take`.
    """

    def __init__(self, queue: Queue, bound: Bound) -> None:
        self._queue = queue
        self._bound = bound
        self._slots = Slots()
        self._stopping: set[str] = set()  # running ids whose worker has been asked to cancel
        self._overdue: set[str] = set()  # those of them that have had time enough
        self._closed = False

    @property
    def bound(self) -> Bound:
        """How much may wait."""
        return self._bound

    @property
    def queue(self) -> Queue:
        """What waits; to be looked at only."""
        return self._queue

    @property
    def waiting(self) -> int:
        """How many predictions wait for a slot."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """How many predictions hold a slot."""
        return self._slots.running

    @property
    def idle(self) -> int:
        """How many slots are free."""
        return self._slots.idle

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return self._slots.total

    def running_on(self, worker: str) -> list[str]:
        """Return what a worker runs, in the order it started."""
        return self._slots.running_on(worker)

    def submit(self, waiting: Waiting) -> Actions:
        """Take a prediction; raises a PoolError that says why not."""
        if self._closed:
            raise Closed("the server is shutting down")
        if waiting.id in self._queue or self._slots.worker_of(waiting.id) is not None:
            raise IdInUse(f"a prediction with the id {waiting.id!r} has not ended yet")
        if self._slots.idle:  # then nothing waits
            return (Start(waiting.id, self._slots.take(waiting.id)),)
        self._check_room(waiting.size)
        self._queue.put(waiting)
        return ()

    def check(self, size: int) -> None:
        """Raise what keeps `submit` from taking anything of that size, if something does."""
        if self._closed:
            raise Closed("the server is shutting down")
        if not self._slots.idle:
            self._check_room(size)

    def cancel(self, prediction: str) -> Actions:
        """End a waiting prediction, stop a running one once; an unknown id changes nothing."""
        if self._queue.remove(prediction):
            return (End(prediction, Reason.CANCELED),)
        worker = self._slots.worker_of(prediction)
        if worker is not None and prediction not in self._stopping:
            self._stopping.add(prediction)
            return (Stop(prediction, worker),)
        return ()

    def expire(self, prediction: str) -> Actions:
        """End a prediction that has waited as long as it may; nothing if it does not wait."""
        if self._queue.remove(prediction):
            return (End(prediction, Reason.EXPIRED),)
        return ()

    def overdue(self, prediction: str) -> Actions:
        """A prediction that was asked to stop has had time enough; nothing if it has ended.

        Its worker takes nothing more, and is killed as soon as it runs nothing else worth waiting
        for.
        """
        worker = self._slots.worker_of(prediction)
        if worker is None or prediction not in self._stopping:
            return ()
        self._overdue.add(prediction)
        return self._judge(worker)

    def finish(self, worker: str, prediction: str) -> Actions:
        """A worker ended a prediction; nothing happens if it was not running there."""
        if self._slots.worker_of(prediction) != worker:
            return ()
        self._slots.release(prediction)
        self._forget(prediction)
        return (End(prediction, Reason.FINISHED), *self._judge(worker), *self._fill())

    def worker_up(self, worker: str, slots: int) -> Actions:
        """A worker is ready to run ``slots`` predictions at once."""
        self._slots.up(worker, slots)
        return tuple(self._fill())

    def worker_down(self, worker: str) -> tuple[End, ...]:
        """A worker is gone and took its running predictions with it; waiting ones stay."""
        lost = self._slots.down(worker)
        for prediction in lost:
            self._forget(prediction)
        return tuple(End(prediction, Reason.LOST) for prediction in lost)

    def drop_waiting(self) -> Actions:
        """End everything that waits (no worker will come); running ones go on."""
        dropped = list(self._queue)
        for prediction in dropped:
            self._queue.remove(prediction)
        return tuple(End(prediction, Reason.CLOSED) for prediction in dropped)

    def close(self) -> None:
        """Take nothing more; what waits and what runs goes on."""
        self._closed = True

    def _check_room(self, size: int) -> None:
        bound = self._bound
        if bound.count == 0:
            raise AtCapacity("all slots are busy and there is no queue")
        if self.waiting >= bound.count:
            raise QueueFull(f"{self.waiting} predictions are waiting")
        if self._queue.size + size > bound.size:
            raise QueueFull(f"requests with {self._queue.size} bytes are waiting")

    def _fill(self) -> Iterator[Start]:
        while self._slots.idle and len(self._queue):
            prediction = self._queue.take().id
            yield Start(prediction, self._slots.take(prediction))

    def _judge(self, worker: str) -> Actions:
        """Say what becomes of a worker, after what it runs has changed."""
        running = set(self._slots.running_on(worker)) if self._overdue else set()
        if not running & self._overdue:
            self._slots.reinstate(worker)
            return ()
        self._slots.retire(worker)
        return (Kill(worker),) if running <= self._overdue else ()

    def _forget(self, prediction: str) -> None:
        self._stopping.discard(prediction)
        self._overdue.discard(prediction)

    def __repr__(self) -> str:
        return f"<Pool {self.running} running, {self.idle} idle, {self.waiting} waiting>"
