"""What is counted while predictions come and go; cheap, since it is done for each of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Upper bounds of the buckets: from a small function to a long video."""


class Durations:
    """A histogram of seconds with the buckets of `SECONDS` and one beyond."""

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.sum = 0.0

    def note(self, seconds: float) -> None:
        """Something took so long."""
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.sum += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Return the buckets as Prometheus wants them: upper bound, and how many were within."""
        total, found = 0, []
        for bound, count in zip((*map(str, SECONDS), "+Inf"), self.counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found


class Tally:
    """Everything that only grows, since the start of the process."""

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()  # by status
        self.refused: Counter[str] = Counter()  # by reason
        self.restarts: Counter[str] = Counter()  # by cause
        self.queued = Durations()
        self.ran = Durations()
        self.took = Durations()
        self.first_output = Durations()
        self.setups = Durations()


class WebhookTally:
    """What became of webhooks, since the start of the process."""

    def __init__(self) -> None:
        self.attempts: Counter[str] = Counter()  # by the event that was told
        self.failures: Counter[str] = Counter()  # by reason: status, no_answer
        self.retries = 0  # of a last event
        self.given_up = 0  # last events that were never taken
        self.took = Durations()
