from __future__ import annotations

import pytest

from cog.server.pace import CLIENTS, LONGEST, Pace


@pytest.mark.parametrize(
    ("seconds", "waiting", "slots", "wanted"),
    [(30, 2, 1, 60), (30, 4, 2, 60), (0.01, 5, 1, 1), (3600, 100, 1, LONGEST), (5, 0, 0, 1)],
)
def test_the_wait_follows_how_long_predictions_take(
    seconds: float, waiting: int, slots: int, wanted: int
) -> None:
    pace = Pace()
    for _ in range(200):
        pace.note("", seconds)
    assert pace.retry_after(waiting=waiting, slots=slots) == wanted


def test_a_client_whose_predictions_take_long_has_dear_ones() -> None:
    pace = Pace()
    assert pace.cost("anybody") == 1
    for _ in range(200):
        pace.note("slow", 10)
        pace.note("quick", 1)
    assert pace.cost("quick") < 1 < pace.cost("slow")
    assert pace.cost("unknown") == 1


def test_of_all_clients_the_latest_are_remembered() -> None:
    pace = Pace()
    pace.note("first", 100)
    for number in range(CLIENTS):
        pace.note(str(number), 1)
    assert pace.cost("first") == 1
    assert pace.cost("0") != 1


def test_predictions_that_take_no_time_at_all_cost_the_same() -> None:
    pace = Pace()
    for _ in range(20000):
        pace.note("a", 0)
    assert 0 < pace.cost("a") <= 1
