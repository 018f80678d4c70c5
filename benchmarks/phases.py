"""Where one traced build spent its time: the client's progress and the frontend's trace. No I/O.

Both carry wall-clock times of the same machine, so they fit together: the progress shows what
happened around the frontend, the trace what happened in it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

_FRONTEND = "docker-image://"
_EXPORT = "exporting to image"


class IncompleteTrace(ValueError):
    """The build left no complete record; the text says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The record of one build: Unix times of the client, its raw progress and the trace."""

    began: float
    ended: float
    progress: str
    trace: str


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a build in seconds; ``indent`` > 0: a part of the one above it."""

    name: str
    seconds: float
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Rpc:
    """One call: when it was sent (seconds since ``main``) and how long we sat waiting for it."""

    name: str
    sent: float
    waited: float


def phases(build: Build) -> list[Phase]:
    """Return the phases of a build with our frontend, in their order; they add up to all of it.

    Raises ``IncompleteTrace``, as all that reads a build does.
    """
    vertices = _vertices(build.progress, build.began)
    trace = _Trace(build.trace)
    first = min(begin for begin, _ in vertices.values())
    # Our frontend names all its images otherwise: this is the one it runs from.
    loaded = [end for name, (_, end) in vertices.items() if name.startswith(_FRONTEND)]
    if not loaded or _EXPORT not in vertices:
        raise IncompleteTrace("the progress shows no frontend image or no export")
    exporting, exported = vertices[_EXPORT]
    return [
        Phase("buildx until the first step", first - build.began),
        Phase("read the syntax line, find the frontend's image", max(loaded) - first),
        Phase("start the container", trace.started - max(loaded)),
        Phase("start Python, import the transport", trace.main - trace.started),
        Phase("frontend at work", trace.returned - trace.main),
        *(Phase(part.name, part.seconds, 1) for part in trace.parts()),
        Phase("Return, stop the container, check every step", exporting - trace.returned),
        Phase("export", exported - exporting),
        Phase("buildx after the export", build.ended - exported),
    ]


def rpcs(build: Build) -> list[Rpc]:
    """Return the calls of the frontend in the order they were sent, Return excepted."""
    return _Trace(build.trace).calls()


def processor(build: Build) -> list[Phase]:
    """Return the CPU seconds of the frontend's process between its marks.

    The first stretch contains the container runtime's last steps, which run in the same process.
    """
    marks = _Trace(build.trace).marks
    names = {"main": "until main", "imports": "imports after that", "return": "the build itself"}
    found = [(names.get(name, name), cpu) for name, (_, cpu) in marks.items()]
    before = [0.0, *(cpu for _, cpu in found)]
    return [Phase(name, cpu - earlier) for (name, cpu), earlier in zip(found, before, strict=False)]


def median_phases(builds: Sequence[Sequence[Phase]]) -> list[Phase]:
    """Return the median of each phase over builds that have the same phases."""
    return [
        Phase(same[0].name, median(each.seconds for each in same), same[0].indent)
        for same in zip(*builds, strict=True)
    ]


def median_rpcs(builds: Sequence[Sequence[Rpc]]) -> list[Rpc]:
    """Return the medians of calls that every build made in the same order."""
    return [
        Rpc(
            same[0].name,
            median(each.sent for each in same),
            median(each.waited for each in same),
        )
        for same in zip(*builds, strict=True)
    ]


class _Trace:
    """The document that ``cog_frontend.trace`` makes; times become Unix times."""

    def __init__(self, text: str) -> None:
        document = json.loads(text)
        self.rows = document["rows"]
        self.main: float = document["epoch"]
        self.started = self.main - document["age"]
        self.marks: dict[str, tuple[float, float]] = {
            row["name"]: (row["at"], row["cpu"]) for row in self.rows if row["what"] == "mark"
        }
        if "return" not in self.marks:
            raise IncompleteTrace("the frontend's trace does not reach its Return")

    @property
    def returned(self) -> float:
        return self.main + self.marks["return"][0]

    def calls(self) -> list[Rpc]:
        waits: dict[int, float] = defaultdict(float)
        for row in self.rows:
            if row["what"] == "waited":
                waits[row["call"]] += row["seconds"]
        return [
            Rpc(row["name"], row["at"], waits[row["call"]])
            for row in self.rows
            if row["what"] == "sent"
        ]

    def parts(self) -> Iterator[Phase]:
        """The frontend's own time by what it does, and the time it waits for the daemon."""
        imported, total = self.marks["imports"][0], self.marks["return"][0]
        waits = [row for row in self.rows if row["what"] == "waited"]
        waited = sum(row["seconds"] for row in waits)
        solve = max(call.sent for call in self.calls() if call.name == "Solve")
        answered = max(row["at"] + row["seconds"] for row in waits if row["at"] < solve)
        marshal = solve - answered
        yield Phase("import the rest", imported)
        yield Phase("wait for the daemon", waited)
        yield Phase("convert and marshal the graph", marshal)
        yield Phase("everything else", total - imported - waited - marshal)


def _vertices(progress: str, since: float) -> dict[str, tuple[float, float]]:
    """Begin and end of every vertex by name, from buildx's ``--progress=rawjson``.

    A vertex that an earlier build made may be shown with the times of that build: left out.
    """
    found: dict[str, tuple[float, float]] = {}
    for line in filter(None, progress.splitlines()):
        for vertex in json.loads(line).get("vertexes") or ():
            if "started" not in vertex or "completed" not in vertex:
                continue
            begin, end = _unix(vertex["started"]), _unix(vertex["completed"])
            if begin < since:
                continue
            earlier = found.get(vertex["name"], (begin, end))
            found[vertex["name"]] = (min(begin, earlier[0]), max(end, earlier[1]))
    if not found:
        raise IncompleteTrace("the progress shows no step")
    return found


def _unix(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
