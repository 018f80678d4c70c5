"""Ten times what a server can do: what it still does, and whether its memory stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.serving.load import Found
from benchmarks.serving.peers import Peer, Row
from benchmarks.serving.processes import Server

Ask = Callable[[Server, Peer, Row, float, float], Found]

TIMES = 10
_CONNECTIONS = 512  # more than fit in the queue, so that each refusal frees one at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """``capacity`` and ``goodput`` are good answers a second, memory is in bytes.

    ``growth`` is the memory after half of the time, when the queue has been full for long, and at
    the end.
    """

    seconds: float
    capacity: float
    goodput: float
    refused: float
    wrong: int
    growth: tuple[int, int]


def overload(server: Server, peer: Peer, ask: Ask, seconds: float) -> Overload:
    """Measure the capacity with a full slot, then ask for `TIMES` as much."""
    busy = Row(name="capacity", kind="sleep", connections=8)
    found = ask(server, peer, busy, min(seconds, 5.0), 0.0)
    capacity = len(found.latencies) / found.seconds
    flood = Row(name="overload", kind="sleep", connections=_CONNECTIONS)
    halves = []
    memory = []
    for _ in range(2):
        halves.append(ask(server, peer, flood, seconds / 2, TIMES * capacity))
        memory.append(server.memory())
    time = sum(half.seconds for half in halves)
    return Overload(
        seconds=time,
        capacity=capacity,
        goodput=sum(len(half.latencies) for half in halves) / time,
        refused=sum(half.refused for half in halves) / time,
        wrong=sum(half.wrong for half in halves),
        growth=(memory[0], memory[1]),
    )
