"""Small values that vertices and definitions are described with, and their wire forms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from buildkit_llb._errors import INT64_MAX, UINT64_MAX, check_number, check_text
from buildkit_llb.pb import ops_pb2 as pb

# -1 is "no limit" to the kernel; the other numbers have none below 0.
_LIMITS = {
    "memory_swap": (-1, INT64_MAX),
    "cpu_shares": (0, UINT64_MAX),
    "cpu_period": (0, UINT64_MAX),
    "cpu_quota": (-1, INT64_MAX),
}


class Position(NamedTuple):
    """A place in a text: ``line`` counts from 1, ``character`` from 0."""

    line: int
    character: int = 0


class Range(NamedTuple):
    """A stretch of a text; ``end`` is part of it."""

    start: Position
    end: Position


def ranges_to_pb(ranges: Iterable[Range]) -> list[pb.Range]:
    """Return the wire form of ``ranges``, which errors and warnings carry too."""
    return [
        pb.Range(
            start=pb.Position(line=start.line, character=start.character),
            end=pb.Position(line=end.line, character=end.character),
        )
        for start, end in ranges
    ]


class ProgressGroup(NamedTuple):
    """Vertices with the same ``id`` share one row of progress.

    The row appears when a member that is not ``weak`` starts.
    """

    id: str
    name: str
    weak: bool = False


class LinuxResources(NamedTuple):
    """Limits of one exec: bytes, shares, microseconds and cpuset lists; 0 and "" are no limit."""

    memory: int = 0
    memory_swap: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""

    def check(self) -> None:
        """Raise LLBError for a limit that is no such number or text."""
        for name, value in self._asdict().items():
            if name.startswith("cpuset"):
                check_text(f"limit {name}", value, empty=True)
            else:
                low, high = _LIMITS.get(name, (0, INT64_MAX))
                check_number(f"limit {name}", value, low, high)

    def to_pb(self) -> pb.LinuxResources:
        """Return the wire form."""
        return pb.LinuxResources(
            memory=self.memory,
            memorySwap=self.memory_swap,
            cpuShares=self.cpu_shares,
            cpuPeriod=self.cpu_period,
            cpuQuota=self.cpu_quota,
            cpusetCpus=self.cpuset_cpus,
            cpusetMems=self.cpuset_mems,
        )

    @classmethod
    def from_pb(cls, message: pb.LinuxResources) -> LinuxResources:
        """Read the wire form."""
        return cls(
            memory=message.memory,
            memory_swap=message.memorySwap,
            cpu_shares=message.cpuShares,
            cpu_period=message.cpuPeriod,
            cpu_quota=message.cpuQuota,
            cpuset_cpus=message.cpusetCpus,
            cpuset_mems=message.cpusetMems,
        )
