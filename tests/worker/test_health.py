from __future__ import annotations

import queue
import threading

from cog import wire
from cog.worker.health import HealthChecker


def test_a_check_that_hangs_is_answered_in_time_and_not_started_twice() -> None:
    answers: queue.SimpleQueue[wire.Health] = queue.SimpleQueue()
    gate = threading.Event()
    started = []

    def probe() -> bool:
        started.append(1)
        return gate.wait(10)

    checker = HealthChecker(probe, answers.put, timeout=0.02)
    checker.check(1)
    late = "timed out after 0.02 seconds"
    assert answers.get(timeout=5) == wire.Health(nonce=1, ok=False, error=late)
    checker.check(2)
    assert answers.get(timeout=5) == wire.Health(nonce=2, ok=False, error=late)
    assert repr(checker) == "<HealthChecker running, 0 waiting>"
    assert started == [1]
    gate.set()


def test_one_check_answers_all_that_ask_meanwhile() -> None:
    answers: queue.SimpleQueue[wire.Health] = queue.SimpleQueue()
    inside, gate = threading.Event(), threading.Event()

    def probe() -> bool:
        inside.set()
        return gate.wait(10)

    checker = HealthChecker(probe, answers.put, timeout=10)
    checker.check(1)
    inside.wait(10)
    checker.check(2)
    gate.set()
    found = sorted((answers.get(timeout=5) for _ in range(2)), key=lambda each: each.nonce)
    assert found == [wire.Health(nonce=1, ok=True), wire.Health(nonce=2, ok=True)]
    checker.check(3)
    assert answers.get(timeout=5) == wire.Health(nonce=3, ok=True)
