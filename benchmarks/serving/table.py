"""What the comparison of servers prints: text for a person, JSON for a program. No I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

from benchmarks.serving.load import Found
from benchmarks.serving.overload import Overload
from benchmarks.serving.peers import COGLET, OURS, PEERS, ROWS, Row

_COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "req/s": ("rate", "{:,.0f}".format),
    "refused/s": ("refused", "{:,.0f}".format),
    "p50 ms": ("p50", lambda seconds: f"{seconds * 1e3:.2f}"),
    "p99 ms": ("p99", lambda seconds: f"{seconds * 1e3:.2f}"),
    "first ms": ("first", lambda seconds: f"{seconds * 1e3:.2f}"),
    "CPU µs": ("cpu", lambda seconds: f"{seconds * 1e6:,.0f}"),
    "MB": ("memory", lambda size: f"{size / 1e6:.0f}"),
}
_ISOLATING = {peer.name for peer in PEERS if peer.isolates}


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start: seconds to the first answer and bytes resident then."""

    peer: str
    kind: str
    seconds: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of one row on one peer. Times in seconds, memory in bytes.

    ``rate`` is good answers a second, ``cpu`` the server's CPU time for each, warm-up included.
    """

    peer: str
    row: str
    connections: int
    rate: float
    refused: float
    wrong: int
    p50: float
    p99: float
    first: float
    cpu: float
    memory: int

    @staticmethod
    def of(peer: str, row: Row, found: Found, cpu: float, memory: int) -> Sample:
        """Return the sample for what a load generator found."""
        times = sorted(found.latencies)
        good = len(times)
        return Sample(
            peer=peer,
            row=row.name,
            connections=row.connections,
            rate=good / found.seconds,
            refused=found.refused / found.seconds,
            wrong=found.wrong,
            p50=_at(times, 0.5),
            p99=_at(times, 0.99),
            first=_at(sorted(found.firsts), 0.5),
            cpu=cpu / good if good else 0.0,
            memory=memory,
        )


def _at(ordered: Sequence[float], part: float) -> float:
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0


@dataclass(slots=True)
class Table:
    """All that was measured in one run of the benchmark."""

    load: float
    samples: list[Sample] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    overload: Overload | None = None

    def json(self) -> str:
        """Everything, every single measurement."""
        return json.dumps(asdict(self), indent=1)

    def text(self, peers: Sequence[str]) -> str:
        """A page in Markdown: the rows with ratios, then starts, then the overload."""
        return "\n".join(self._lines(peers))

    def rates(self, row: Row) -> dict[str, float]:
        """Return the median rate of each peer that has answered in a row."""
        found = {peer: self._median(peer, row, "rate") for peer in dict.fromkeys(self._peers(row))}
        return {peer: rate for peer, rate in found.items() if rate}

    def _peers(self, row: Row) -> Iterator[str]:
        yield from (each.peer for each in self._of(row))

    def _of(self, row: Row) -> Iterator[Sample]:
        for each in self.samples:
            if (each.row, each.connections) == (row.name, row.connections):
                yield each

    def _median(self, peer: str, row: Row, name: str) -> float:
        values = [getattr(each, name) for each in self._of(row) if each.peer == peer]
        return float(median(values))

    def _lines(self, peers: Sequence[str]) -> Iterator[str]:
        yield f"load average when it began: {self.load:.1f}\n"
        yield f"| row | connections | server | {' | '.join(_COLUMNS)} |"
        yield "|" + "---|" * (len(_COLUMNS) + 3)
        measured = [row for row in ROWS if any(self._of(row))]
        for row in measured:
            for peer in sorted(
                self._by_rate(row), key=lambda peer: -self._median(peer, row, "rate")
            ):
                yield self._line(peer, row)
        yield "\n| row | connections | cogkit : coglet | cogkit : best isolating peer |"
        yield "|---|---|---|---|"
        for row in measured:
            yield self._ratios(row)
        yield "\n| server | first answer, s | MB then |"
        yield "|---|---|---|"
        yield from (self._start(peer) for peer in peers if any(s.peer == peer for s in self.starts))
        if self.overload is not None:
            yield "\n" + _overload(self.overload)

    def _by_rate(self, row: Row) -> Iterable[str]:
        return dict.fromkeys(self._peers(row))

    def _line(self, peer: str, row: Row) -> str:
        cells = (shown(self._median(peer, row, name)) for name, shown in _COLUMNS.values())
        return f"| {row.name} | {row.connections} | {peer} | {' | '.join(cells)} |"

    def _ratios(self, row: Row) -> str:
        rates = self.rates(row)
        ours = rates.get(OURS)
        others = {p: r for p, r in rates.items() if p in _ISOLATING and p != OURS}
        best = max(others, key=others.__getitem__, default=None)
        coglet = f"{ours / rates[COGLET]:.1f}" if ours and COGLET in rates else "-"
        against = f"{ours / others[best]:.1f} ({best})" if ours and best else "-"
        return f"| {row.name} | {row.connections} | {coglet} | {against} |"

    def _start(self, peer: str) -> str:
        starts = [each for each in self.starts if each.peer == peer]
        seconds = median(each.seconds for each in starts)
        return f"| {peer} | {seconds:.2f} | {median(s.memory for s in starts) / 1e6:.0f} |"


def _overload(found: Overload) -> str:
    before, after = found.growth
    return (
        f"overload for {found.seconds:.0f} s: capacity {found.capacity:.0f}/s, "
        f"goodput {found.goodput:.0f}/s ({found.goodput / found.capacity:.0%}), "
        f"refused {found.refused:.0f}/s, wrong {found.wrong}; "
        f"memory {before / 1e6:.1f} MB after half of it, {after / 1e6:.1f} MB at the end"
    )
