"""Shapes of values: each reads a YAML node and describes itself as JSON Schema.

The table of keys is made of them, so the reader and the editors' schema cannot differ. A value
that is wrong is a problem at its place, and absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, Protocol, TypeVar

from cog_frontend.config.model import Located
from cog_frontend.errors import Problem, Span, shown
from cog_frontend.yamlnode import Node, Scalar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Json = dict[str, object]

_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}
_WHOLE = re.compile(r"0|[1-9][0-9]{0,5}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Linux hands a process no longer argument and no longer variable (MAX_ARG_STRLEN, with its NUL).
MAX_TEXT_BYTES = (128 << 10) - 1


class Complaint(NamedTuple):
    """What is wrong with a value that was read: the rest of a sentence that starts with its path.

    ``span`` None means the whole value.
    """

    message: str
    hint: str = ""
    span: Span | None = None


class Problems:
    """Everything wrong in one file, and what stops nothing."""

    def __init__(self, filename: str) -> None:
        self.found: list[Problem] = []
        self.warnings: list[Problem] = []
        self._filename = filename

    @property
    def are_few(self) -> bool:
        """Whether a person will still read what is found next: advice takes its time."""
        return len(self.found) < 100

    def add(self, span: Span | None, message: str, hint: str = "") -> None:
        """Keep a problem."""
        self.found.append(Problem(file=self._filename, message=message, hint=hint, span=span))

    def warn(self, span: Span, message: str, hint: str) -> None:
        """Keep a warning."""
        warning = Problem(file=self._filename, message=message, hint=hint, span=span)
        self.warnings.append(warning)

    def complain(self, span: Span, path: str, complaints: Iterable[Complaint]) -> None:
        """Keep complaints about the value at ``path``."""
        for message, hint, own in complaints:
            self.add(own or span, f"{path}{message}", hint)


class Shape(Protocol[T_co]):
    """A kind of value."""

    def read(self, node: Node, path: str, problems: Problems) -> T_co | None:
        """Return the value of a node; None where it is wrong, which is then in ``problems``."""

    def schema(self) -> Json:
        """Return the JSON Schema of what the shape reads."""


class Text:
    """A text that ``pattern`` describes, without the white space around it.

    ``wrong`` is said of another text, after the text itself, or made from it. ``numeric`` texts may
    stand without quotes, ``lines`` be many; ``spaces`` around the text are kept.
    """

    def __init__(  # noqa: PLR0913 - keyword-only: what sets one kind of text apart from another
        self,
        pattern: str = "",
        wrong: str | Callable[[str], str] = "",
        hint: str = "",
        *,
        lines: bool = False,
        spaces: bool = False,
        numeric: bool = False,
    ) -> None:
        self._pattern, self._wrong, self._hint = pattern, wrong, hint
        self._lines, self._spaces, self._numeric = lines, spaces, numeric

    def read(self, node: Node, path: str, problems: Problems) -> Located | None:
        """Return the text and where it stands."""
        if not isinstance(node, Scalar):
            problems.add(node.span, f"{path} must be text, not a list or mapping")
            return None
        text = node.text if self._spaces else node.text.strip()
        if not text.strip():
            problems.add(node.span, f"{path} must not be empty")
        elif "\0" in text:
            problems.add(node.span, f"{path} must not have a NUL character in it")
        elif (size := len(text.encode("utf-8", "replace"))) > MAX_TEXT_BYTES:
            message = f"{path} has {size} bytes, and Linux hands {MAX_TEXT_BYTES} to a process"
            problems.add(node.span, message, "put it into a file of the project")
        elif not self._lines and _CONTROL.search(text):
            problems.add(node.span, f"{path} must be one line without control characters")
        elif self._pattern and not re.fullmatch(self._pattern, text, re.DOTALL):
            wrong = self._wrong if isinstance(self._wrong, str) else self._wrong(text)
            problems.add(node.span, f"{path}: {shown(text)} {wrong}", self._hint)
        else:
            return Located(text, node.span)
        return None

    def schema(self) -> Json:
        """A string; a number too where YAML may have made one of it."""
        kind: object = ["string", "number"] if self._numeric else "string"
        return {"type": kind, "pattern": f"^(?:{self._pattern})$" if self._pattern else r"\S"}


class Word:
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def read(self, node: Node, path: str, problems: Problems) -> Located | None:
        """Return the word and where it stands."""
        if isinstance(node, Scalar) and node.text in self._words:
            return Located(node.text, node.span)
        found = f", not {shown(node.text)}" if isinstance(node, Scalar) else ""
        problems.add(node.span, f"{path} must be {' or '.join(map(repr, self._words))}{found}")
        return None

    def schema(self) -> Json:
        """An enumeration."""
        return {"enum": list(self._words)}


class Boolean:
    """``true`` or ``false`` without quotes."""

    def read(self, node: Node, path: str, problems: Problems) -> bool | None:
        """Return what the node says."""
        if isinstance(node, Scalar) and node.plain and node.text in _TRUE | _FALSE:
            return node.text in _TRUE
        found = f", not {shown(node.text)}" if isinstance(node, Scalar) else ""
        problems.add(node.span, f"{path} must be true or false{found}")
        return None

    def schema(self) -> Json:
        """A boolean."""
        return {"type": "boolean"}


class Whole:
    """A whole number from ``least`` to ``most``."""

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def read(self, node: Node, path: str, problems: Problems) -> int | None:
        """Return the number."""
        if isinstance(node, Scalar) and node.plain and _WHOLE.fullmatch(node.text):
            number = int(node.text)
            if self._least <= number <= self._most:
                return number
        problems.add(node.span, f"{path} must be a whole number from {self._least} to {self._most}")
        return None

    def schema(self) -> Json:
        """An integer."""
        return {"type": "integer", "minimum": self._least, "maximum": self._most}


class Made(Generic[T]):
    """What ``make`` makes of a text; ``check`` looks at what was made."""

    def __init__(
        self,
        shape: Shape[Located],
        make: Callable[[Located], T],
        check: Callable[[T], Iterable[Complaint]] = lambda _: (),
    ) -> None:
        self._shape, self._make, self._check = shape, make, check

    def read(self, node: Node, path: str, problems: Problems) -> T | None:
        """Return the value."""
        located = self._shape.read(node, path, problems)
        if located is None:
            return None
        made = self._make(located)
        problems.complain(located.span, path, self._check(made))
        return made

    def schema(self) -> Json:
        """That of the text."""
        return self._shape.schema()
