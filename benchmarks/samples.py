"""What a list of rounds says: medians, paired differences, paired ratios. No I/O.

Machines are noisy and drift while a benchmark runs. Two builds of one round met the same weather,
so the difference of two builds is the median of the differences within the rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

FRONTEND = "frontend"
DOCKERFILE = "dockerfile"
CONTAINER = "container"
PARSE_ERROR = "parse-error"
VARIANTS = {
    FRONTEND: "cogkit's frontend",
    DOCKERFILE: "equal Dockerfile, built-in frontend",
    CONTAINER: "container frontend that only exits",
    PARSE_ERROR: "Dockerfile that does not parse",
}

Round = Mapping[str, float]
"""Seconds of one build of each variant."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two things measured in the same rounds: seconds more (median) and times as long (median)."""

    difference: float
    ratio: float


def compare(rounds: Sequence[Round], one: str, other: str) -> Comparison:
    """Return how much longer ``one`` takes than ``other``."""
    return Comparison(
        difference=median(each[one] - each[other] for each in rounds),
        ratio=median(each[one] / each[other] for each in rounds),
    )


def compare_with_floor(rounds: Sequence[Round]) -> Comparison:
    """Return how much longer our frontend takes than the floor.

    The floor is what no frontend in a container can be faster than. It cannot be built directly: a
    frontend that only exits returns no image, so its build fails. What it shows is the cost of the
    container, by comparison with a build that fails as early in the built-in frontend: there the
    Dockerfile is read and does not parse. So, round by round:

        container = container frontend that only exits - Dockerfile that does not parse
        floor     = equal Dockerfile, built-in frontend + container

    The container frontend starts no Solve and no Return, so this floor is a little too low, and
    our distance from it a little too large.
    """
    floors = [_floor(each) for each in rounds]
    pairs = [(each[FRONTEND], floor) for each, floor in zip(rounds, floors, strict=True)]
    return Comparison(
        difference=median(ours - floor for ours, floor in pairs),
        ratio=median(ours / floor for ours, floor in pairs),
    )


def _floor(seconds: Round) -> float:
    return seconds[DOCKERFILE] + seconds[CONTAINER] - seconds[PARSE_ERROR]
