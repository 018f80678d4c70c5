"""Errors that the author of a project can act on: what, where, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a file; lines and columns count from 1, the end is inclusive."""

    start_line: int
    end_line: int
    start_column: int = 1
    end_column: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a file of the project.

    ``message`` says what is wrong, ``hint`` what to do (may be empty), ``file`` is relative to
    the project, ``span`` is where (None: the file as a whole).
    """

    message: str
    hint: str = ""
    file: str = "cog.yaml"
    span: Span | None = None

    def __str__(self) -> str:
        at = f":{self.span.start_line}:{self.span.start_column}" if self.span else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}{at}: {self.message}{hint}"


class FrontendError(Exception):
    """Base of every error that is shown to a person whole; anything else is a bug."""


class ProjectError(FrontendError):
    """The project cannot be built; ``problems`` holds everything found, not the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
