from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from cog.server.pool import (
    Action,
    Actions,
    AtCapacity,
    Bound,
    Closed,
    End,
    IdInUse,
    Kill,
    Pool,
    PoolError,
    QueueFull,
    Reason,
    Start,
    Stop,
)
from cog.server.queue import MemoryQueue, Waiting


def new(*, capacity: int = 10, size: int = 1000) -> Pool:
    return Pool(MemoryQueue(), Bound(count=capacity, size=size))


def pool_with(*, slots: int, capacity: int = 10) -> Pool:
    pool = new(capacity=capacity)
    pool.worker_up("w", slots)
    return pool


def test_a_prediction_starts_at_once_where_a_slot_is_free() -> None:
    pool = pool_with(slots=1)

    assert pool.submit(Waiting("a")) == (Start("a", "w"),)
    assert repr(pool) == "<Pool 1 running, 0 idle, 0 waiting>"


def test_the_one_that_waited_longest_starts_next() -> None:
    pool = pool_with(slots=1)
    for name in "abc":
        pool.submit(Waiting(name))

    assert pool.finish("w", "a") == (End("a", Reason.FINISHED), Start("b", "w"))


def test_over_the_bound_a_prediction_is_refused_and_nothing_changes() -> None:
    pool = pool_with(slots=1, capacity=1)
    pool.submit(Waiting("a"))
    pool.submit(Waiting("b"))

    with pytest.raises(QueueFull, match="1 predictions are waiting"):
        pool.submit(Waiting("c"))
    assert repr(pool) == "<Pool 1 running, 0 idle, 1 waiting>"


def test_what_a_pool_would_refuse_can_be_asked_beforehand() -> None:
    pool = pool_with(slots=1, capacity=1)
    pool.check(10**9)
    pool.submit(Waiting("a"))
    pool.check(1000)
    with pytest.raises(QueueFull, match="bytes are waiting"):
        pool.check(1001)
    pool.submit(Waiting("b"))
    with pytest.raises(QueueFull, match="1 predictions are waiting"):
        pool.check(0)
    pool.close()
    with pytest.raises(Closed):
        pool.check(0)


def test_without_a_queue_a_busy_pool_is_at_capacity() -> None:
    pool = pool_with(slots=1, capacity=0)
    assert pool.submit(Waiting("a")) == (Start("a", "w"),)

    with pytest.raises(AtCapacity):
        pool.submit(Waiting("b"))


def test_predictions_wait_for_a_worker_to_come() -> None:
    pool = new(capacity=2)
    assert pool.submit(Waiting("a")) == ()

    assert pool.worker_up("w", 1) == (Start("a", "w"),)


def test_an_id_is_taken_until_its_prediction_has_ended() -> None:
    pool = pool_with(slots=1)
    pool.submit(Waiting("a"))
    pool.submit(Waiting("b"))

    for name in "ab":
        with pytest.raises(IdInUse):
            pool.submit(Waiting(name))
    pool.finish("w", "a")
    assert pool.submit(Waiting("a")) == ()


def test_cancelling_a_waiting_prediction_ends_it() -> None:
    pool = pool_with(slots=1)
    pool.submit(Waiting("a"))
    pool.submit(Waiting("b"))

    assert pool.cancel("b") == (End("b", Reason.CANCELED),)
    assert pool.finish("w", "a") == (End("a", Reason.FINISHED),)


def test_cancelling_a_running_prediction_asks_its_worker_once_and_keeps_the_slot() -> None:
    pool = pool_with(slots=1)
    pool.submit(Waiting("a"))
    pool.submit(Waiting("b"))

    assert pool.cancel("a") == (Stop("a", "w"),)
    assert pool.cancel("a") == ()
    assert pool.finish("w", "a") == (End("a", Reason.FINISHED), Start("b", "w"))


def test_cancelling_what_is_unknown_changes_nothing() -> None:
    assert pool_with(slots=1).cancel("a") == ()


def test_a_worker_cannot_end_what_it_does_not_run() -> None:
    pool = pool_with(slots=1)
    pool.worker_up("other", 1)
    pool.submit(Waiting("a"))

    assert pool.finish("other", "a") == ()
    assert pool.finish("w", "unknown") == ()
    assert repr(pool) == "<Pool 1 running, 1 idle, 0 waiting>"


def test_a_lost_worker_costs_only_what_it_was_running() -> None:
    pool = pool_with(slots=1)
    pool.worker_up("other", 1)
    for name in "abc":
        pool.submit(Waiting(name))

    assert pool.worker_down("w") == (End("a", Reason.LOST),)
    assert pool.worker_down("w") == ()
    assert repr(pool) == "<Pool 1 running, 0 idle, 1 waiting>"
    assert pool.worker_up("w", 1) == (Start("c", "w"),)


def test_the_worker_with_most_room_gets_the_next_one() -> None:
    pool = pool_with(slots=1)
    pool.worker_up("big", 3)

    starts = [action for name in "abcd" for action in pool.submit(Waiting(name))]

    assert starts == [Start("a", "big"), Start("b", "big"), Start("c", "w"), Start("d", "big")]


def test_a_worker_cannot_come_up_twice() -> None:
    with pytest.raises(ValueError, match="up already"):
        pool_with(slots=1).worker_up("w", 1)


def test_closing_refuses_what_comes_and_starts_what_waits() -> None:
    pool = pool_with(slots=1)
    pool.submit(Waiting("a"))
    pool.submit(Waiting("b"))

    pool.close()
    with pytest.raises(Closed):
        pool.submit(Waiting("c"))
    assert pool.finish("w", "a") == (End("a", Reason.FINISHED), Start("b", "w"))


def test_what_waits_is_ended_where_nothing_comes_for_it() -> None:
    pool = pool_with(slots=1)
    for name in "abc":
        pool.submit(Waiting(name))

    assert pool.drop_waiting() == (End("b", Reason.CLOSED), End("c", Reason.CLOSED))
    assert pool.finish("w", "a") == (End("a", Reason.FINISHED),)


def test_the_bound_is_one_of_bytes_too() -> None:
    pool = new(capacity=10, size=100)
    pool.worker_up("w", 1)
    assert pool.submit(Waiting("a", size=10**9)), "what starts at once does not count"
    pool.submit(Waiting("b", size=60))

    with pytest.raises(QueueFull, match="requests with 60 bytes are waiting"):
        pool.submit(Waiting("c", size=41))
    pool.submit(Waiting("d", size=40))


def test_what_has_waited_too_long_ends_and_what_runs_does_not() -> None:
    pool = pool_with(slots=1)
    pool.submit(Waiting("a"))
    pool.submit(Waiting("b"))

    assert pool.expire("b") == (End("b", Reason.EXPIRED),)
    assert pool.expire("b") == pool.expire("a") == ()


def test_a_worker_that_runs_nothing_but_what_does_not_stop_is_killed() -> None:
    pool = pool_with(slots=3)
    for name in "abc":
        pool.submit(Waiting(name))
    assert pool.overdue("a") == (), "it was never told to stop"
    pool.cancel("a")
    pool.cancel("b")

    assert pool.overdue("a") == ()
    assert pool.submit(Waiting("d")) == (), "the worker is given nothing more"
    assert pool.finish("w", "c") == (End("c", Reason.FINISHED),), "b may still stop"
    assert pool.finish("w", "b") == (End("b", Reason.FINISHED), Kill("w"))
    assert pool.worker_down("w") == (End("a", Reason.LOST),)
    assert pool.worker_up("w", 1) == (Start("d", "w"),)


def test_a_worker_whose_prediction_stops_after_all_goes_on() -> None:
    pool = pool_with(slots=2)
    for name in "abc":
        pool.submit(Waiting(name))
    pool.cancel("a")
    pool.overdue("a")

    assert pool.finish("w", "a") == (End("a", Reason.FINISHED), Start("c", "w"))
    assert pool.overdue("a") == ()


NAMES = st.sampled_from([f"p{n}" for n in range(8)])
WORKERS = st.sampled_from(["w1", "w2", "w3"])


class PoolMachine(RuleBasedStateMachine):
    """Any order of events: nothing is lost, nothing ends twice, no slot is lost or made."""

    def __init__(self) -> None:
        super().__init__()
        self.capacity = 3
        self.pool = new(capacity=self.capacity)
        self.waiting: list[str] = []
        self.running: dict[str, str] = {}
        self.slots: dict[str, int] = {}
        self.stopping: set[str] = set()
        self.overdue_ids: set[str] = set()
        self.doomed: set[str] = set()
        self.closed = False

    taken = Bundle("taken")

    def obey(self, actions: Actions) -> None:
        for action in actions:
            self.obey_one(action)

    def obey_one(self, action: Action) -> None:
        match action:
            case Start(name, worker):
                assert name == self.waiting.pop(0), "first in, first out"
                assert not self.stuck(worker), "nothing starts behind what does not stop"
                self.running[name] = worker
                assert self.used(worker) <= self.slots[worker]
            case Stop(name, worker):
                assert self.running[name] == worker
                assert name not in self.stopping
                self.stopping.add(name)
            case Kill(worker):
                here = {name for name, place in self.running.items() if place == worker}
                assert here <= self.overdue_ids
                self.doomed.add(worker)
            case End(name, reason):
                was_running = self.running.pop(name, None) is not None
                assert was_running == (reason in {Reason.FINISHED, Reason.LOST})
                if not was_running:
                    self.waiting.remove(name)
                self.stopping.discard(name)
                self.overdue_ids.discard(name)

    def stuck(self, worker: str) -> bool:
        return any(self.running.get(name) == worker for name in self.overdue_ids)

    def free(self) -> int:
        open_ = [worker for worker in self.slots if not self.stuck(worker)]
        return sum(self.slots[worker] - self.used(worker) for worker in open_)

    def used(self, worker: str) -> int:
        return list(self.running.values()).count(worker)

    @rule(target=taken, name=NAMES)
    def submit(self, name: str) -> str:
        free = self.free()
        try:
            actions = self.pool.submit(Waiting(name))
        except Closed:
            assert self.closed
        except IdInUse:
            assert name in self.waiting or name in self.running
        except PoolError:
            assert free == 0
            assert len(self.waiting) >= self.capacity
        else:
            assert not self.closed
            assert name not in self.waiting
            assert name not in self.running
            self.waiting.append(name)
            self.obey(actions)
        return name

    @rule(name=taken)
    def cancel(self, name: str) -> None:
        was_waiting = name in self.waiting
        self.obey(self.pool.cancel(name))
        assert not was_waiting or name not in self.waiting

    @rule(name=taken)
    def expire(self, name: str) -> None:
        self.obey(self.pool.expire(name))
        assert name not in self.waiting

    @rule(name=taken)
    def overdue(self, name: str) -> None:
        if name in self.stopping:
            self.overdue_ids.add(name)
        self.obey(self.pool.overdue(name))

    @rule(name=taken, worker=WORKERS)
    def finish(self, name: str, worker: str) -> None:
        runs_there = self.running.get(name) == worker
        self.obey(self.pool.finish(worker, name))
        assert not runs_there or name not in self.running

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish_one_that_runs(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.running)))
        self.finish(name, self.running[name])

    @rule(worker=WORKERS, slots=st.integers(1, 3))
    def worker_up(self, worker: str, slots: int) -> None:
        if worker not in self.slots:
            self.slots[worker] = slots
            self.obey(self.pool.worker_up(worker, slots))

    @rule(worker=WORKERS)
    def worker_down(self, worker: str) -> None:
        self.obey(self.pool.worker_down(worker))
        self.slots.pop(worker, None)
        self.doomed.discard(worker)
        assert self.used(worker) == 0

    @rule()
    def drop_waiting(self) -> None:
        self.obey(self.pool.drop_waiting())
        assert not self.waiting

    @precondition(lambda self: len(self.slots) == 3)
    @rule()
    def close(self) -> None:
        self.closed = True
        self.pool.close()

    @invariant()
    def slots_are_conserved(self) -> None:
        assert self.pool.running == len(self.running)
        assert self.pool.idle == self.free()
        assert self.pool.slots == sum(self.slots.values())

    @invariant()
    def nobody_waits_beside_a_free_slot(self) -> None:
        assert self.pool.waiting == len(self.waiting)
        assert not (self.waiting and self.pool.idle)

    @invariant()
    def a_worker_that_only_runs_what_does_not_stop_is_killed(self) -> None:
        for worker in self.slots:
            here = {name for name, place in self.running.items() if place == worker}
            if here and here <= self.overdue_ids:
                assert worker in self.doomed


PoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_any_order_of_events_keeps_the_promises = PoolMachine.TestCase
