from __future__ import annotations

import pytest

from cog.server.pace import LONGEST, Pace


@pytest.mark.parametrize(
    ("seconds", "waiting", "running", "wanted"),
    [(30, 2, 1, 60), (30, 4, 2, 60), (0.01, 5, 1, 1), (3600, 100, 1, LONGEST), (5, 0, 0, 1)],
)
def test_the_wait_follows_how_long_predictions_take(
    seconds: float, waiting: int, running: int, wanted: int
) -> None:
    pace = Pace()
    for _ in range(200):
        pace.note(seconds)
    assert pace.retry_after(waiting=waiting, running=running) == wanted
