"""YAML as text with positions: a scalar keeps its spelling until a field asks for a type."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from cog_frontend.errors import Problem, ProjectError, Span

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar as written: ``3.10`` stays ``3.10``, ``on`` stays ``on``."""

    text: str
    plain: bool
    span: Span

    @property
    def is_null(self) -> bool:
        """Whether YAML reads it as null: nothing, ``~`` or ``null`` without quotes."""
        return self.plain and self.text in {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Mapping:
    """Key/value pairs in file order; keys are scalars."""

    items: tuple[tuple[Scalar, Node], ...]
    span: Span


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its root (None when it is empty) and its text."""

    filename: str
    data: bytes
    root: Node | None


def parse(data: bytes, filename: str) -> Document:
    """Return the nodes of a YAML file; raise ``ProjectError`` when it is not YAML."""
    text = _decode(data, filename)
    try:
        node = yaml.compose(text, Loader=_Loader)
        root = None if node is None else _Reader(filename, text).read(node)
    except yaml.YAMLError as error:
        raise ProjectError([_problem(error, text, filename)]) from error
    except RecursionError as error:
        problem = Problem(file=filename, message="invalid YAML: nested too deeply")
        raise ProjectError([problem]) from error
    return Document(filename, data, root)


def _decode(data: bytes, filename: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ProjectError(
            [
                Problem(
                    file=filename,
                    message=f"byte 0x{data[error.start]:02x} is not UTF-8",
                    hint="save the file as UTF-8",
                    span=Span(line, line),
                )
            ]
        ) from error


def _problem(error: yaml.YAMLError, text: str, filename: str) -> Problem:
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it ends too early"
    parts = [part for part in (getattr(error, "context", None), what) if part]
    message, hint = f"invalid YAML: {', '.join(parts)}", ""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        line = text.count("\n", 0, getattr(error, "position", 0) or 0) + 1
        return Problem(file=filename, message=message, span=Span(line, line))
    lines = text.splitlines()
    if mark.line >= len(lines) and getattr(error, "context_mark", None) is not None:
        mark = error.context_mark  # type: ignore[attr-defined]  # what has no end: where it begins
    if mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]:
        hint = "indent with spaces: YAML takes no tabs"
    span = Span(mark.line + 1, mark.line + 1, mark.column + 1, mark.column + 1)
    return Problem(file=filename, message=message, hint=hint, span=span)


class _Reader:
    """Copies libyaml's nodes into frozen ones and finds what YAML allows but a config must not.

    A node that aliases name many times is copied once: aliases of aliases would take for ever.
    """

    def __init__(self, filename: str, text: str) -> None:
        self._filename = filename
        self._lines = text.splitlines()
        self._open: set[int] = set()
        self._copied: dict[int, Node] = {}

    def read(self, node: yaml.Node) -> Node:
        if isinstance(node, yaml.ScalarNode):
            return Scalar(node.value, not node.style, self._span(node))
        if id(node) in self._open:
            raise self._error(node, "an alias points back at its own parent")
        if id(node) not in self._copied:
            self._open.add(id(node))
            self._copied[id(node)] = self._collection(node)
            self._open.discard(id(node))
        return self._copied[id(node)]

    def _collection(self, node: yaml.Node) -> Node:
        if isinstance(node, yaml.SequenceNode):
            return Sequence(tuple(self.read(item) for item in node.value), self._span(node))
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, "expected a scalar, a list or a mapping")
        pairs: dict[str, tuple[Scalar, Node]] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key must be plain text")
            key = Scalar(key_node.value, not key_node.style, self._span(key_node))
            if key.text in pairs:
                first = pairs[key.text][0].span.start_line
                raise self._error(key_node, f"key {key.text!r} stands twice (first: line {first})")
            pairs[key.text] = (key, self.read(value_node))
        return Mapping(tuple(pairs.values()), self._span(node))

    def _span(self, node: yaml.Node) -> Span:
        start, end = node.start_mark, node.end_mark
        last, column = end.line, end.column
        if column == 0 and last > start.line:
            last -= 1
            while last > start.line and self._is_blank(last):
                last -= 1
            column = len(self._lines[last])
        return Span(start.line + 1, last + 1, start.column + 1, max(column, 1))

    def _is_blank(self, line: int) -> bool:
        text = self._lines[line].strip()
        return not text or text.startswith("#")

    def _error(self, node: yaml.Node, message: str) -> ProjectError:
        problem = Problem(file=self._filename, message=message, span=self._span(node))
        return ProjectError([problem])
