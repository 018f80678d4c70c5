"""Which prediction holds a slot of which worker: bookkeeping for the pool, no I/O."""

from __future__ import annotations


class Slots:
    """The slots of all workers that are up.

    A worker that is retired is given nothing more; what it runs goes on.
    """

    def __init__(self) -> None:
        self._free: dict[str, int] = {}
        self._holders: dict[str, str] = {}  # prediction -> worker
        self._retired: set[str] = set()
        self._idle = 0

    @property
    def idle(self) -> int:
        """How many slots are free and may be taken."""
        return self._idle

    @property
    def running(self) -> int:
        """How many predictions hold a slot."""
        return len(self._holders)

    @property
    def total(self) -> int:
        """How many slots there are, those of retired workers too."""
        return sum(self._free.values()) + len(self._holders)

    def worker_of(self, prediction: str) -> str | None:
        """Return the worker that runs a prediction."""
        return self._holders.get(prediction)

    def running_on(self, worker: str) -> list[str]:
        """Return what a worker runs, in the order it started."""
        return [prediction for prediction, place in self._holders.items() if place == worker]

    def up(self, worker: str, slots: int) -> None:
        """A worker has come; raises ValueError if it was there."""
        if worker in self._free:
            raise ValueError(f"worker {worker!r} is up already")
        self._free[worker] = slots
        self._idle += slots

    def down(self, worker: str) -> list[str]:
        """A worker is gone; return what it was running, which no longer holds a slot."""
        free = self._free.pop(worker, None)
        if free is None:
            return []
        if worker in self._retired:
            self._retired.remove(worker)
        else:
            self._idle -= free
        lost = self.running_on(worker)
        for prediction in lost:
            del self._holders[prediction]
        return lost

    def retire(self, worker: str) -> None:
        """Give this worker nothing more."""
        if worker not in self._retired:
            self._retired.add(worker)
            self._idle -= self._free[worker]

    def reinstate(self, worker: str) -> None:
        """Give this worker predictions again."""
        if worker in self._retired:
            self._retired.remove(worker)
            self._idle += self._free[worker]

    def take(self, prediction: str) -> str:
        """Give a prediction a slot of the worker with most room and return that worker.

        The earliest if equal; where all have as many slots it is the one that runs least. There has
        to be an idle slot.
        """
        worker, room = "", 0
        for name, free in self._free.items():
            if free > room and name not in self._retired:
                worker, room = name, free
        assert room, "there is no idle slot"
        self._free[worker] -= 1
        self._idle -= 1
        self._holders[prediction] = worker
        return worker

    def release(self, prediction: str) -> None:
        """A prediction that held a slot has ended."""
        worker = self._holders.pop(prediction)
        self._free[worker] += 1
        if worker not in self._retired:
            self._idle += 1
