"""Problems of a project's files as a person reads them: the line, and what is wrong in it."""

from __future__ import annotations

from collections.abc import Callable

from cog_frontend.errors import Problem, ProjectError

ReadText = Callable[[str], "str | None"]


def describe(error: ProjectError, read: ReadText) -> str:
    """Return every problem with the line it is about, in the order of the error."""
    return "\n".join(_describe(problem, read) for problem in error.problems)


def _describe(problem: Problem, read: ReadText) -> str:
    span = problem.span
    lines = (read(problem.file) or "").splitlines()
    if span is None or not 0 < span.start_line <= len(lines):
        return str(problem)
    line = lines[span.start_line - 1].rstrip()
    end = span.end_column if span.end_line == span.start_line else len(line)
    marks = "^" * max(1, min(end, len(line)) - span.start_column + 1)
    number = str(span.start_line)
    # Tabs stay tabs below the line, so that the marks stand under what they mean.
    indent = "".join(c if c == "\t" else " " for c in line[: span.start_column - 1])
    margin = " " * len(number)
    return f"{problem}\n  {number} | {line}\n  {margin} | {indent}{marks}"
