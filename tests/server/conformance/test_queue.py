"""What every queue promises, wherever it keeps what waits.

A new implementation is added to `QUEUES` and passes all of it unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cog.server.queue import LEAST, MOST, PATIENCE, PRIORITIES, MemoryQueue, Queue, Waiting

Make = Callable[[], Queue]
QUEUES: dict[str, Make] = {"memory": MemoryQueue}


@pytest.fixture(params=QUEUES)
def queue(request: pytest.FixtureRequest) -> Queue:
    return QUEUES[request.param]()


def drained(queue: Queue) -> list[str]:
    return [queue.take().id for _ in range(len(queue))]


def fill(queue: Queue, *names: str, cost: float = 1.0) -> None:
    """Put predictions named ``<client><number>``, or ``<client><number>@<priority>``."""
    for name in names:
        priority = int(name.partition("@")[2] or 3)
        queue.put(Waiting(name, client=name[0], priority=priority, cost=cost, size=1))


def test_one_clients_predictions_keep_their_order(queue: Queue) -> None:
    names = [f"a{number}" for number in range(20)]
    fill(queue, *names)
    assert drained(queue) == names


def test_clients_take_turns(queue: Queue) -> None:
    fill(queue, "a1", "a2", "a3", "b1", "b2", "c1")
    assert drained(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_client_that_floods_costs_another_one_turn(queue: Queue) -> None:
    fill(queue, *(f"a{number}" for number in range(1000)))
    for _ in range(3):
        queue.take()
    fill(queue, "b1")
    assert "b1" in [queue.take().id for _ in range(2)]


def test_a_client_whose_predictions_take_long_gets_fewer_turns(queue: Queue) -> None:
    fill(queue, *(f"s{number}" for number in range(50)), cost=4)
    fill(queue, *(f"q{number}" for number in range(50)))
    first = [queue.take().id[0] for _ in range(25)]
    assert (first.count("q"), first.count("s")) == (20, 5)


def test_nobody_saves_turns_while_away(queue: Queue) -> None:
    fill(queue, *(f"a{number}" for number in range(40)))
    for number in range(5):
        fill(queue, f"b{number}")
        for _ in range(4):
            queue.take()
    fill(queue, *(f"b{number}" for number in range(10, 20)))
    assert [queue.take().id[0] for _ in range(8)].count("b") == 4


@pytest.mark.parametrize("cost", [0.0, -1.0, 1e9, LEAST, MOST])
def test_any_cost_has_its_turn(queue: Queue, cost: float) -> None:
    fill(queue, "a1", "a2", cost=cost)
    fill(queue, *(f"b{number}" for number in range(100)))
    start = drained(queue)
    assert start.index("a1") <= MOST + 1
    assert start.index("a2") <= 2 * MOST + 2


def test_more_urgent_ones_come_first(queue: Queue) -> None:
    fill(queue, "a1@7", "a2@3", "a3@0", "b1@3")
    assert drained(queue) == ["a3@0", "a2@3", "b1@3", "a1@7"]


def test_a_stream_of_urgent_ones_does_not_starve_the_rest(queue: Queue) -> None:
    fill(queue, *(f"z{number}@{number}" for number in range(1, 8)))
    taken: list[str] = []
    for number in range(8 * PATIENCE + 8):
        fill(queue, f"a{number}@0")
        taken.append(queue.take().id)
    others = [name for name in taken if name.startswith("z")]
    assert others == [f"z{number}@{number}" for number in range(1, 8)]


def test_what_is_removed_never_comes(queue: Queue) -> None:
    fill(queue, "a1", "a2", "b1@0")
    assert queue.remove("a1")
    assert queue.remove("b1@0")
    assert not queue.remove("a1")
    assert "a1" not in queue
    assert drained(queue) == ["a2"]
    assert queue.size == 0


def test_an_empty_queue_has_no_next(queue: Queue) -> None:
    with pytest.raises(IndexError):
        queue.take()


def test_depths_are_told_by_priority(queue: Queue) -> None:
    fill(queue, "a1", "a2@0", "b1")
    assert queue.depths() == {0: 1, 3: 2}
    assert (len(queue), queue.size, sorted(queue)) == (3, 3, ["a1", "a2@0", "b1"])


names = st.builds(
    "{}{}@{}".format, st.sampled_from("abc"), st.integers(0, 10**6), st.sampled_from([0, 3, 7])
)


@given(st.lists(names, unique=True, max_size=PATIENCE), st.integers(0, 3))
def test_the_position_is_the_number_of_starts_until_its_own(given_: list[str], gone: int) -> None:
    for make in QUEUES.values():
        queue = make()
        fill(queue, *given_)
        for _ in range(min(gone, len(queue))):
            queue.take()
        told = {name: queue.position(name) for name in queue}
        assert told == {name: place for place, name in enumerate(drained(queue), 1)}
        assert queue.position("never") is None


class QueueMachine(RuleBasedStateMachine):
    """Any order of calls: nothing is lost or doubled, clients keep their order, nobody starves."""

    queue: Queue

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count()
        self.waiting: dict[str, Waiting] = {}
        self.passed: dict[str, int] = {}

    @initialize(name=st.sampled_from(sorted(QUEUES)))
    def begin(self, name: str) -> None:
        self.queue = QUEUES[name]()

    @rule(
        client=st.sampled_from("abc"),
        priority=st.sampled_from(PRIORITIES),
        cost=st.floats(0, 20),
        size=st.integers(0, 5),
    )
    def put(self, client: str, priority: int, cost: float, size: int) -> None:
        waiting = Waiting(str(next(self.numbers)), client, priority, cost, size)
        self.queue.put(waiting)
        self.waiting[waiting.id] = waiting
        self.passed[waiting.id] = 0

    @precondition(lambda self: self.waiting)
    @rule()
    def take(self) -> None:
        taken = self.queue.take()
        same = [
            one.id
            for one in self.waiting.values()
            if (one.client, one.priority) == (taken.client, taken.priority)
        ]
        assert taken.id == same[0], "first in, first out within a client and a priority"
        del self.waiting[taken.id]
        for name in self.waiting:
            self.passed[name] += 1

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.waiting)))
        assert self.queue.remove(name)
        del self.waiting[name]

    @invariant()
    def it_holds_what_waits(self) -> None:
        if hasattr(self, "queue"):
            assert sorted(self.queue) == sorted(self.waiting)
            assert self.queue.size == sum(one.size for one in self.waiting.values())
            assert sum(self.queue.depths().values()) == len(self.queue) == len(self.waiting)

    def teardown(self) -> None:
        if hasattr(self, "queue"):
            assert sorted(drained(self.queue)) == sorted(self.waiting)


QueueMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
test_any_order_of_calls_keeps_the_promises = QueueMachine.TestCase


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(PRIORITIES)), min_size=1),
    st.sampled_from(PRIORITIES),
)
def test_nothing_waits_for_ever(others: list[tuple[str, int]], priority: int) -> None:
    """Whatever comes after it, what waits first in its class starts within a bound."""
    for make in QUEUES.values():
        queue = make()
        queue.put(Waiting("it", client="z", priority=priority))
        bound = len(PRIORITIES) * (PATIENCE + 1) * 5  # each of five clients may be before it
        for number, (client, urgency) in zip(range(bound), cycle(others), strict=False):
            queue.put(Waiting(str(number), client, urgency))
            if queue.take().id == "it":
                break
        else:
            pytest.fail(f"not started after {bound} others")
