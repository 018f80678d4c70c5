"""Everything found while reading, gathered so that a person sees all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from cog_frontend.errors import Problem
from cog_frontend.schema.source import Refusal, SourceError, Unknown

T = TypeVar("T")


class Report:
    """Problems, which stop the build, and warnings, which do not; each is kept once.

    ``unknown`` is what only the running code knows.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.unknown: list[Problem] = []
        self.warnings: list[Problem] = []

    @property
    def count(self) -> int:
        """How many things could not be read so far."""
        return len(self.problems) + len(self.unknown)

    def problem(self, found: Problem) -> None:
        """Keep a problem."""
        if found not in self.problems:
            self.problems.append(found)

    def warning(self, found: Problem) -> None:
        """Keep a warning."""
        if found not in self.warnings:
            self.warnings.append(found)

    def attempt(self, read: Callable[[], T], *, about: str = "") -> T | None:
        """Return what ``read`` gives; what it refuses becomes a problem ``about`` something."""
        try:
            return read()
        except Refusal as refused:
            self.refused(refused, about=about)
        except SourceError as broken:
            self.problem(broken.problem)
        return None

    def refused(self, refused: Refusal, *, about: str) -> None:
        """Keep a refusal as a problem ``about`` something."""
        message = f"{about}: {refused.problem.message}" if about else refused.problem.message
        found = replace(refused.problem, message=message)
        if not isinstance(refused, Unknown):
            self.problem(found)
        elif found not in self.unknown:
            self.unknown.append(found)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems by file and position."""
    return tuple(sorted(problems, key=_position))


def _position(found: Problem) -> tuple[str, int, int]:
    if found.span is None:
        return found.file, 0, 0
    return found.file, found.span.start_line, found.span.start_column
