"""What the daemon tells of a running build, gathered into steps. No I/O, no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from google.protobuf.timestamp_pb2 import Timestamp

from cog_cli.builder.pb.control_pb2 import StatusResponse, Vertex, VertexStatus, VertexWarning

_LOG_TAIL = 60  # lines of a step that are kept, for showing why it failed
# What the daemon says of steps that were stopped because another one failed.
_CANCELED = ("context canceled", "context canceled: context canceled")


@dataclass(slots=True)
class Part:
    """A piece of a step's work, such as a layer; sizes in bytes, ``total`` 0: unknown."""

    name: str
    current: int = 0
    total: int = 0
    done: bool = False


@dataclass(slots=True)
class Step:
    """One vertex of the build; times in seconds of the daemon's clock."""

    number: int
    digest: str
    name: str
    started: float
    completed: float | None = None
    cached: bool = False
    error: str = ""
    ended: bool = False
    """Whether it was told to have ended, which it may have done before its last piece of work."""
    parts: dict[str, Part] = field(default_factory=dict)
    log: deque[str] = field(default_factory=lambda: deque(maxlen=_LOG_TAIL))
    unfinished: str = ""
    """The last line of the log, as far as it came."""

    @property
    def canceled(self) -> bool:
        """Whether it was stopped from outside."""
        return self.error.endswith(_CANCELED)

    @property
    def internal(self) -> bool:
        """Whether it is housekeeping."""
        return self.name.startswith("[internal]")


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened to a step: ``kind`` is began, log, part or ended."""

    kind: str
    step: Step
    text: str = ""


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning; ``detail`` are more lines, ``place`` is ``file:line`` or empty."""

    text: str
    detail: tuple[str, ...] = ()
    place: str = ""


class Progress:
    """Steps in the order in which they began."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self.warnings: list[Caution] = []
        self.total = 0
        self._known: set[str] = set()

    def take(self, message: bytes) -> list[News]:
        """Take a message of the status stream; return what is new in it."""
        response = StatusResponse.FromString(message)
        news: list[News] = []
        for vertex in response.vertexes:
            news += self._vertex(vertex)
        for status in response.statuses:
            news += self._status(status)
        for log in response.logs:
            if step := self.steps.get(log.vertex):
                since = max(0.0, _seconds(log.timestamp) - step.started)
                news += [News("log", step, line) for line in _lines(step, log.msg, since)]
        for warning in response.warnings:
            self.warnings.append(_warning(warning))
        # Steps end after their last line, which may come in the same message.
        return sorted(news, key=lambda each: each.kind == "ended")

    def _vertex(self, vertex: Vertex) -> list[News]:
        self._known.add(vertex.digest)
        self.total = len(self._known)
        news = []
        step = self.steps.get(vertex.digest)
        if step is None:
            if not vertex.HasField("started"):
                return []
            number = len(self.steps) + 1
            step = Step(number, vertex.digest, vertex.name, _seconds(vertex.started))
            self.steps[vertex.digest] = step
            news.append(News("began", step))
        known = (step.ended, step.error)
        step.cached = step.cached or vertex.cached
        step.error = vertex.error or step.error
        step.completed = _seconds(vertex.completed) if vertex.HasField("completed") else None
        # Steps may run in pieces; they are told as ended once, and once more if they fail then.
        if step.completed is not None and known != (True, step.error):
            step.ended = True
            news.append(News("ended", step))
        return news

    def _status(self, status: VertexStatus) -> list[News]:
        step = self.steps.get(status.vertex)
        if step is None:
            return []
        part = step.parts.setdefault(status.ID, Part(status.name or status.ID))
        part.current, part.total = status.current, status.total
        was_done, part.done = part.done, status.HasField("completed")
        if part.done and not was_done:
            return [News("part", step, f"{part_text(part)} done")]
        return []


def part_text(part: Part) -> str:
    """A part as a person reads it: what, and how much of it."""
    if part.total:
        return f"{part.name} {size(part.current)} / {size(part.total)}"
    return f"{part.name} {size(part.current)}" if part.current else part.name


_UNITS = ("B", "kB", "MB", "GB", "TB")


def size(number: float) -> str:
    """A number of bytes in three digits."""
    power = 0
    while number >= 1000 and power < len(_UNITS) - 1:
        number, power = number / 1000, power + 1
    return (
        f"{number:.0f}{_UNITS[power]}"
        if not power or number >= 100
        else f"{number:.1f}{_UNITS[power]}"
    )


def _lines(step: Step, data: bytes, since: float) -> list[str]:
    """Whole lines of a log, as terminals show them: what a carriage return wrote over is gone."""
    text = step.unfinished + data.decode(errors="replace")
    *whole, step.unfinished = text.split("\n")
    lines = [f"{since:.3f} {_last_written(line)}" for line in whole]
    step.log.extend(lines)
    return lines


def _last_written(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def _warning(warning: VertexWarning) -> Caution:
    info, ranges = warning.info, warning.ranges
    place = f"{info.filename}:{ranges[0].start.line}" if info.filename and ranges else ""
    short = warning.short.decode(errors="replace")
    detail = tuple(each.decode(errors="replace") for each in warning.detail)
    return Caution(short, detail, place)


def _seconds(stamp: Timestamp) -> float:
    return stamp.seconds + stamp.nanos / 1e9
