"""Python files of the project as trees: bytes in, a tree with positions or a refusal out.

Nothing of the user's code is run. Whatever the bytes are, the answer is a tree or a ``Refusal``.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from cog_frontend.errors import Problem, Span

MAX_SOURCE_BYTES = 2 * 1024 * 1024

_LINE_END = re.compile(r"\r\n|\r|\n")
_NEWER_SYNTAX = re.compile(
    r"\s*(type\s+\w+\s*(\[.*\])?\s*=|(async\s+)?def\s+\w+\s*\[|class\s+\w+\s*\[|.*\bexcept\s+\w+\s*,)"
)


class Source(NamedTuple):
    """One parsed file: its path in the project, its lines and its tree."""

    path: str
    lines: tuple[str, ...]
    tree: ast.Module

    def span(self, node: ast.AST) -> Span | None:
        """Where ``node`` stands; of a class or function only the line with its name."""
        line = getattr(node, "lineno", None)
        if line is None:
            return None
        start = self._column(line, getattr(node, "col_offset", 0)) + 1
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            return Span(line, line, start, max(start, len(self._line(line).rstrip())))
        last = getattr(node, "end_lineno", None) or line
        end = self._column(last, getattr(node, "end_col_offset", None) or 0)
        return Span(line, last, start, max(end, start if last == line else 1))

    def _line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def _column(self, line: int, offset: int) -> int:
        """Turn ``ast``'s offset in UTF-8 bytes into a count of characters."""
        text = self._line(line)
        if text.isascii():
            return offset
        return len(text.encode()[:offset].decode(errors="ignore"))


class Rejected(Exception):
    """Something in the project that a person must change; ``problem`` says what and where."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Refusal(Rejected):
    """An expression or statement that cannot be used."""

    def __init__(
        self, source: Source, node: ast.AST | None, message: str, *, hint: str = ""
    ) -> None:
        span = source.span(node) if node is not None else None
        super().__init__(Problem(message=message, hint=hint, file=source.path, span=span))


class Unknown(Refusal):
    """An expression that may well be right: only the running code knows what it is."""


class SourceError(Rejected):
    """A file that cannot be read as Python at all."""


def parse(data: bytes, path: str) -> Source:
    """Return the tree of a file of at most 2 MiB; raise ``SourceError`` when it is not Python."""
    if len(data) > MAX_SOURCE_BYTES:
        raise _broken(path, f"the file is larger than {MAX_SOURCE_BYTES // 1024} KiB")
    text = _decode(data, path)
    lines = tuple(_LINE_END.split(text))
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _broken(path, "the file holds a NUL byte", span=Span(line, line))
    try:
        with quiet_warnings():
            tree = ast.parse(text)
    except SyntaxError as error:
        raise SourceError(_syntax_problem(error, path, lines)) from error
    except (RecursionError, MemoryError, ValueError) as error:
        raise _broken(path, "an expression is nested too deeply to be read") from error
    return Source(path, lines, tree)


@contextmanager
def quiet_warnings() -> Iterator[None]:
    """Keep Python's remarks on the user's literals (such as an escape ``\\d``) off stderr."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _decode(data: bytes, path: str) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not {error.encoding.upper()}"
        raise _broken(
            path, message, hint="save the file as UTF-8", span=Span(line, line)
        ) from error
    except (SyntaxError, LookupError, UnicodeError) as error:
        message = f"the encoding of the file cannot be read: {error}"
        raise _broken(path, message, hint="save the file as UTF-8", span=Span(1, 1)) from error


def _broken(path: str, message: str, *, hint: str = "", span: Span | None = None) -> SourceError:
    return SourceError(Problem(message=message, hint=hint, file=path, span=span))


def _syntax_problem(error: SyntaxError, path: str, lines: tuple[str, ...]) -> Problem:
    """Copy the parser's position; it counts lines and characters from 1, or gives 0 or None."""
    line = min(max(error.lineno or 1, 1), max(len(lines), 1))
    last = error.end_lineno if error.end_lineno and error.end_lineno >= line else line
    start = max(error.offset or 1, 1)
    end = (error.end_offset or 0) - 1
    span = Span(line, last, start, max(end, start if last == line else 1))
    newer = _NEWER_SYNTAX.match(lines[line - 1]) or error.msg.startswith("f-string")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    hint = f"the build reads this file as Python {version} and knows no newer syntax"
    message = f"syntax error: {error.msg}"
    return Problem(message=message, hint=hint if newer else "", file=path, span=span)
