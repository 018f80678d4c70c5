"""Errors that the author of a project can act on: what, where, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# What fits a line of a terminal beside the rest of a message.
_SHOWN_CHARS = 80
_MESSAGE_CHARS = 2000


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
        return f"{_plain(self.file)}{at}: {_plain(self.message)}{hint}"


def _plain(text: str) -> str:
    """A message that no text of the user's can take a terminal over with, or fill it."""
    cut = text if len(text) <= _MESSAGE_CHARS else f"{text[:_MESSAGE_CHARS]}..."
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in cut)


class FrontendError(Exception):
    """Base of every error that is shown to a person whole; anything else is a bug."""


class ProjectError(FrontendError):
    """The project cannot be built; ``problems`` holds everything found, not the first.

    They stand file by file, in the order in which the files were met, and by line within a file.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = tuple(problems)
        files = list(dict.fromkeys(problem.file for problem in found))
        self.problems = tuple(sorted(found, key=lambda each: (files.index(each.file), _at(each))))
        super().__init__("\n".join(map(str, self.problems)))


def _at(problem: Problem) -> tuple[int, int]:
    return (problem.span.start_line, problem.span.start_column) if problem.span else (0, 0)


def shown(text: str) -> str:
    """Return a text of the user's in quotes: control characters escaped, cut where it is long."""
    cut = text[:_SHOWN_CHARS]
    return repr(cut) if cut == text else f"{cut!r}... ({len(text)} characters)"


def near(word: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the closest known word, "" where none is close.

    A known word that is a part of ``word``, such as ``cuda`` of ``cuda_version``, is the closest.
    """
    # Only mistakes need it, and this module is among the first that a build imports.
    import difflib  # noqa: PLC0415

    words = sorted(set(known))
    parts = [each for each in word.lower().split("_") if each in words]
    matches = parts or difflib.get_close_matches(word, words, 1)
    return f"did you mean '{matches[0]}'?" if matches else ""
