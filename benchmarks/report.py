"""What a benchmark prints: text for a person, JSON for a program. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.phases import Phase, Rpc
from benchmarks.samples import (
    CONTAINER,
    DOCKERFILE,
    FRONTEND,
    PARSE_ERROR,
    VARIANTS,
    Comparison,
    Round,
    compare,
    compare_with_floor,
)

_WIDTH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The findings of one run. ``load`` is the machine's load average before and after."""

    engine: str
    load: tuple[float, float]
    rounds: Sequence[Round]
    phases: Sequence[Phase]
    rpcs: Sequence[Rpc]
    processor: Sequence[Phase]

    def comparisons(self) -> dict[str, Comparison]:
        """The comparisons by name."""
        return {
            "frontend - dockerfile": compare(self.rounds, FRONTEND, DOCKERFILE),
            "container - parse-error": compare(self.rounds, CONTAINER, PARSE_ERROR),
            "frontend - floor": compare_with_floor(self.rounds),
        }

    def json(self) -> str:
        """Everything that was measured; times in milliseconds."""
        document = {
            "engine": self.engine,
            "load": self.load,
            "variants": {
                name: {
                    "median_ms": _ms(median(_of(self.rounds, name))),
                    "min_ms": _ms(min(_of(self.rounds, name))),
                    "all_ms": [_ms(seconds) for seconds in _of(self.rounds, name)],
                }
                for name in VARIANTS
            },
            "comparisons": {
                name: {"difference_ms": _ms(found.difference), "ratio": round(found.ratio, 3)}
                for name, found in self.comparisons().items()
            },
            "phases": [_phase(phase) for phase in self.phases],
            "calls": [
                {"name": rpc.name, "sent_ms": _ms(rpc.sent), "waited_ms": _ms(rpc.waited)}
                for rpc in self.rpcs
            ],
            "cpu": [_phase(phase) for phase in self.processor],
        }
        return json.dumps(document, indent=2)

    def text(self) -> str:
        """The findings as a page of text."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        before, after = self.load
        yield f"cached builds of examples/hello: {len(self.rounds)} rounds, in ms"
        yield f"Docker Engine {self.engine}; load average {before:.1f} before, {after:.1f} after"
        yield f"\n{'':{_WIDTH}}{'median':>8}{'min':>8}"
        for name, title in VARIANTS.items():
            seconds = _of(self.rounds, name)
            yield f"{title:{_WIDTH}}{_ms(median(seconds)):8.0f}{_ms(min(seconds)):8.0f}"
        yield f"\n{'median of the differences within rounds':{_WIDTH}}{'ms':>8}{'ratio':>8}"
        for name, found in self.comparisons().items():
            yield f"{name:{_WIDTH}}{_ms(found.difference):+8.0f}{found.ratio:8.2f}"
        yield "floor = dockerfile + container - parse-error"
        yield f"\n{'phases of our build, medians of traced builds':{_WIDTH}}{'ms':>8}"
        yield from map(_row, self.phases)
        yield f"\n{'calls of our frontend, counted from main':{_WIDTH}}{'sent':>8}{'waited':>8}"
        for rpc in self.rpcs:
            yield f"{rpc.name:{_WIDTH}}{_ms(rpc.sent):8.1f}{_ms(rpc.waited):8.1f}"
        yield f"\n{'CPU time of our process':{_WIDTH}}{'ms':>8}"
        yield from map(_row, self.processor)


def _row(phase: Phase) -> str:
    return f"{'  ' * phase.indent + phase.name:{_WIDTH}}{_ms(phase.seconds):8.1f}"


def _phase(phase: Phase) -> dict[str, object]:
    return {"name": phase.name, "ms": _ms(phase.seconds), "part": phase.indent > 0}


def _of(rounds: Sequence[Round], name: str) -> list[float]:
    return [each[name] for each in rounds]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
