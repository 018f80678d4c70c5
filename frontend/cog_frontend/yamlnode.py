"""YAML as text with positions: a scalar keeps its spelling until a field asks for a type."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import yaml

from cog_frontend.errors import Problem, ProjectError, Span, shown

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# The graph of a build has the file in it three times, and a builder takes 16 MiB of graph.
MAX_BYTES = 1 << 20
# A whole cog.yaml has 7 levels.
MAX_DEPTH = 64

_CORE = "tag:yaml.org,2002:"
# Tags that change nothing: every value is text until a field asks. The first two also say so.
_TEXT = ("!", f"{_CORE}str")
_KNOWN_TAGS = (
    *_TEXT,
    *(f"{_CORE}{name}" for name in ("bool", "float", "int", "map", "null", "seq")),
)


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
    """Return the nodes of a YAML file; raise ``ProjectError`` when it is not YAML.

    It may have ``MAX_BYTES`` bytes, also with its aliases written out, and ``MAX_DEPTH`` levels.
    """
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data)} bytes, and {MAX_BYTES} are the most that are read"
        hint = "move packages into a requirements file and long commands into scripts"
        raise ProjectError([Problem(file=filename, message=message, hint=hint)])
    text = _decode(data, filename)
    try:
        root = _Composer(filename, text).compose(yaml.parse(text, Loader=_Loader))
    except yaml.YAMLError as error:
        raise ProjectError([_problem(error, text, filename)]) from error
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


@dataclass(slots=True)
class _Open:
    """A collection whose end is still to come; of a mapping, keys and values stand in turn."""

    event: yaml.CollectionStartEvent
    size: int
    nodes: list[Node] = field(default_factory=list)
    lines_of_keys: dict[str, int] = field(default_factory=dict)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.event, yaml.MappingStartEvent)

    @property
    def wants_key(self) -> bool:
        return self.is_mapping and len(self.nodes) % 2 == 0


class _Composer:
    """Makes nodes of libyaml's events and finds what YAML allows but a config must not.

    libyaml's own composer overflows the stack of the process on deep nesting; this one has none. A
    node is made once, however many aliases name it; ``_size`` is what the text would have been
    without aliases.
    """

    def __init__(self, filename: str, text: str) -> None:
        self._filename = filename
        self._lines = text.splitlines()
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._documents = 0
        self._size = 0
        # By anchor: the node and its size; None while it is still open.
        self._anchored: dict[str, tuple[Node, int] | None] = {}

    def compose(self, events: Iterable[yaml.Event]) -> Node | None:
        """Return the root of the only document, None where there is none."""
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._start_document(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._start(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end(event)
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
        return self._root

    def _start_document(self, event: yaml.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._error(self._span(event), "expected a single document")

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        self._check_tag(event)
        if len(self._open) == MAX_DEPTH:
            message = f"invalid YAML: nested too deeply, more than {MAX_DEPTH} levels"
            raise self._error(self._span(event), message)
        if event.anchor:
            self._anchored[event.anchor] = None
        self._open.append(_Open(event, self._size))

    def _end(self, event: yaml.CollectionEndEvent) -> None:
        ended = self._open.pop()
        span = self._span(ended.event, event)
        if ended.is_mapping:
            pairs = zip(ended.nodes[::2], ended.nodes[1::2], strict=True)
            node: Node = Mapping(tuple((key, value) for key, value in pairs), span)  # type: ignore[misc]  # _add lets only scalars be keys
        else:
            node = Sequence(tuple(ended.nodes), span)
        self._add(node, ended.event.anchor, self._size - ended.size)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._check_tag(event)
        plain = not event.style and event.tag not in _TEXT
        size = len(event.value) + 1
        self._size += size
        self._add(Scalar(event.value, plain, self._span(event)), event.anchor, size)

    def _alias(self, event: yaml.AliasEvent) -> None:
        span = self._span(event)
        if event.anchor not in self._anchored:
            raise self._error(span, f"the alias *{event.anchor} has no anchor before it")
        named = self._anchored[event.anchor]
        if named is None:
            raise self._error(span, "an alias points back at its own parent")
        node, size = named
        self._size += size
        if self._size > MAX_BYTES:
            message = f"written out, its aliases are more than {MAX_BYTES} bytes"
            raise self._error(span, message, "name fewer things")
        self._add(node, None, size)

    def _add(self, node: Node, anchor: str | None, size: int) -> None:
        if anchor:
            self._anchored[anchor] = node, size
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if parent.wants_key:
            self._check_key(node, parent.lines_of_keys)
        parent.nodes.append(node)

    def _check_key(self, node: Node, lines: dict[str, int]) -> None:
        if not isinstance(node, Scalar):
            raise self._error(node.span, "a key must be plain text")
        if node.text in lines:
            message = f"key {shown(node.text)} stands twice (first: line {lines[node.text]})"
            raise self._error(node.span, message)
        lines[node.text] = node.span.start_line

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None and event.tag not in _KNOWN_TAGS:
            tag = shown(event.tag.replace(_CORE, "!!"))
            raise self._error(self._span(event), f"tag {tag} means nothing here", "remove it")

    def _span(self, start: yaml.Event, end: yaml.Event | None = None) -> Span:
        begin, mark = start.start_mark, (end or start).end_mark
        assert begin is not None  # libyaml marks every event
        assert mark is not None
        last, column = mark.line, mark.column
        if column == 0 and last > begin.line:
            last -= 1
            while last > begin.line and self._is_blank(last):
                last -= 1
            column = len(self._lines[last])
        return Span(begin.line + 1, last + 1, begin.column + 1, max(column, 1))

    def _is_blank(self, line: int) -> bool:
        text = self._lines[line].strip()
        return not text or text.startswith("#")

    def _error(self, span: Span, message: str, hint: str = "") -> ProjectError:
        return ProjectError([Problem(file=self._filename, message=message, hint=hint, span=span)])
