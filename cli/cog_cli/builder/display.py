"""A running build as people see it: lines behind a pipe, rows in a terminal, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from cog_cli.builder.progress import News, Progress, Step, part_text

_LOG_LINES = 6
_REFRESH_PER_SECOND = 8


class Display(Protocol):
    """Shows a build while a block runs."""

    def take(self, message: bytes) -> None:
        """Take a message of the status stream."""
        ...

    def close(self) -> None:
        """Show how things stand now, for the last time."""
        ...


class Quiet:
    """Shows nothing but what failed."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def take(self, message: bytes) -> None:
        """Only remember."""
        self._progress.take(message)

    def close(self) -> None:
        """Nothing to do."""


class Plain:
    """One line for everything that happens, in buildx's form."""

    def __init__(self, progress: Progress, write: Callable[[str], None]) -> None:
        self._progress = progress
        self._write = write

    def take(self, message: bytes) -> None:
        """Write what is new."""
        for news in self._progress.take(message):
            for line in plain_lines(news):
                self._write(line)

    def close(self) -> None:
        """Everything has been written."""


def plain_lines(news: News) -> Iterator[str]:
    """The lines of one piece of news."""
    step = news.step
    prefix = f"#{step.number}"
    if news.kind == "began":
        yield f"{prefix} {step.name}"
    elif news.kind != "ended":
        yield f"{prefix} {news.text}"
    else:
        if step.unfinished:
            yield f"{prefix} {step.unfinished}"
        yield f"{prefix} {_outcome(step)}"
        yield ""


def _outcome(step: Step) -> str:
    if step.canceled:
        return "CANCELED"
    if step.error:
        return f"ERROR: {step.error}"
    if step.cached:
        return "CACHED"
    return f"DONE {_duration(step, 0):.1f}s"


def _duration(step: Step, now: float) -> float:
    return max(0.0, (step.completed if step.completed is not None else now) - step.started)


class Rows:
    """Rows that change in place; steps that were cached and housekeeping share one row."""

    def __init__(self, progress: Progress, console: Console, clock: Callable[[], float]) -> None:
        self._progress = progress
        self._console = console
        self._clock = clock
        self._began = clock()
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=_REFRESH_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def take(self, message: bytes) -> None:
        """Remember; the rows are drawn in a rhythm of their own."""
        self._progress.take(message)

    def close(self) -> None:
        """Leave the rows as they are now."""
        self._live.stop()

    def _render(self) -> Group:
        now = self._clock()
        room = max(6, self._console.height - 4)
        lines = rows(self._progress, now, now - self._began, self._console.width)
        return Group(*(lines if len(lines) <= room else [lines[0], *lines[-room:]]))


def rows(progress: Progress, now: float, elapsed: float, width: int) -> list[Text]:
    """The whole picture, top to bottom."""
    steps = list(progress.steps.values())
    done = sum(step.completed is not None for step in steps)
    shown = [Text(f"Building {elapsed:.1f}s ({done}/{progress.total})", style="bold")]
    folded = [step for step in steps if _is_folded(step)]
    cached = sum(step.cached for step in folded)
    if folded:
        parts = [f"{len(folded) - cached} preparing"] if len(folded) > cached else []
        parts += [f"{cached} cached"] if cached else []
        shown.append(Text(f" ✔ {', '.join(parts)}", style="dim"))
    for step in steps:
        if not _is_folded(step):
            shown += _step_rows(step, now, width)
    return shown


def _is_folded(step: Step) -> bool:
    return step.completed is not None and not step.error and (step.cached or step.internal)


def _step_rows(step: Step, now: float, width: int) -> list[Text]:
    running = step.completed is None
    mark, style = ("…", "cyan") if running else ("✔", "green")
    if step.error:
        mark, style = ("-", "dim") if step.canceled else ("✗", "red")
    time = f"{_duration(step, now):.1f}s"
    room = max(10, width - len(time) - 5)
    name = step.name if len(step.name) <= room else f"{step.name[: room - 1]}…"
    found = [Text.assemble((f" {mark} ", style), name.ljust(room), f" {time}", overflow="crop")]
    if running:
        parts = [part_text(part) for part in step.parts.values() if not part.done]
        log = [*step.log, *([step.unfinished] if step.unfinished else [])]
        inner = [*parts, *log][-_LOG_LINES:]
        found += [
            Text(f"   {line.rpartition(chr(13))[2]}"[: width - 1], style="dim") for line in inner
        ]
    return found


@contextmanager
def displayed(
    mode: str | None, progress: Progress, console: Console, clock: Callable[[], float]
) -> Iterator[Display]:
    """Show a build while the block runs.

    ``mode``: auto (the default), tty, plain or quiet. auto is rows in a terminal, lines elsewhere.
    """
    display: Display
    if mode == "quiet":
        display = Quiet(progress)
    elif mode == "tty" or (mode in {None, "auto"} and console.is_terminal):
        display = Rows(progress, console, clock)
    else:
        display = Plain(progress, lambda line: print_line(console, line))
    try:
        yield display
    finally:
        display.close()


def print_line(console: Console, line: str) -> None:
    """Write a line as it is: no wrapping, no markup, no colours."""
    console.file.write(f"{line}\n")
    console.file.flush()
