from __future__ import annotations

import sys

import pytest

from benchmarks.startup import FLOOR, measure, one_round, table


def test_a_process_took_some_time_and_its_failure_is_told() -> None:
    assert measure((sys.executable, "-c", "sum(range(100_000))")) > 0
    with pytest.raises(SystemExit, match="ended with status 3"):
        measure((sys.executable, "-c", "raise SystemExit(3)"))


def test_a_round_runs_every_command() -> None:
    commands = {FLOOR: (sys.executable, "-c", "pass"), "two": (sys.executable, "-c", "pass")}
    assert set(one_round(commands)) == set(commands)


def test_ratios_are_taken_within_a_round() -> None:
    shown = table([{FLOOR: 0.010, "cog": 0.040}, {FLOOR: 0.030, "cog": 0.060}])
    assert shown.splitlines()[2].split() == ["cog", "50", "40", "3.00"]
