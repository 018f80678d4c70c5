"""Typed fields out of YAML nodes: a value that is wrong is a problem at its place, and absent."""

from __future__ import annotations

import re
from collections import abc
from difflib import get_close_matches
from typing import TypeVar

from cog_frontend.config.model import Located
from cog_frontend.errors import Problem, Span
from cog_frontend.yamlnode import Mapping, Node, Scalar, Sequence

T = TypeVar("T")

_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}


class Fields:
    """Reads fields of one file; ``problems`` holds everything that was wrong.

    ``unsupported`` are keys that are known and not acted on, dotted, with what to do instead.
    """

    def __init__(self, filename: str, unsupported: abc.Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._filename = filename
        self._unsupported = unsupported

    def problem(self, span: Span | None, message: str, hint: str = "") -> None:
        """Keep a problem."""
        self.problems.append(Problem(file=self._filename, message=message, hint=hint, span=span))

    def section(
        self,
        node: Node,
        path: str,
        make: abc.Callable[..., T],
        readers: abc.Mapping[str, abc.Callable[[Node, str], object]],
    ) -> T:
        """Return what ``make`` makes of the keys that are set; other keys are problems."""
        if not isinstance(node, Mapping):
            self.problem(node.span, f"{path or 'the file'} must be a mapping of keys to values")
            return make()
        found: dict[str, object] = {}
        for key, value in node.items:
            full = f"{path}.{key.text}" if path else key.text
            if key.text not in readers:
                self._unknown(key, full, list(readers))
            elif not (isinstance(value, Scalar) and value.is_null):
                result = readers[key.text](value, full)
                if result is not None:
                    found[key.text] = result
        return make(**found)

    def required(self, node: Node, path: str, keys: abc.Iterable[str]) -> None:
        """Keep a problem for each key that a mapping lacks."""
        if isinstance(node, Mapping):
            there = {key.text for key, _ in node.items}
            for key in keys:
                if key not in there:
                    self.problem(node.span, f"{path}.{key} is missing")

    def text(self, node: Node, path: str) -> Located | None:
        """Return a text without the white space around it."""
        if not isinstance(node, Scalar):
            self.problem(node.span, f"{path} must be text, not a list or mapping")
            return None
        if not node.text.strip() or "\0" in node.text:
            self.problem(node.span, f"{path} must not be empty")
            return None
        return Located(node.text.strip(), node.span)

    def name(self, node: Node, path: str) -> Located | None:
        """Return a text of one line."""
        value = self.text(node, path)
        if value is not None and re.search(r"[\x00-\x1f\x7f]", value.text):
            self.problem(value.span, f"{path} must be one line without control characters")
            return None
        return value

    def boolean(self, node: Node, path: str) -> bool | None:
        """Return what ``true`` or ``false``, without quotes, says."""
        if isinstance(node, Scalar) and node.plain and node.text in _TRUE | _FALSE:
            return node.text in _TRUE
        shown = f", not {node.text!r}" if isinstance(node, Scalar) else ""
        self.problem(node.span, f"{path} must be true or false{shown}")
        return None

    def positive(self, node: Node, path: str) -> int | None:
        """Return a whole number from 1 to 999999."""
        if isinstance(node, Scalar) and node.plain and re.fullmatch(r"[1-9][0-9]{0,5}", node.text):
            return int(node.text)
        self.problem(node.span, f"{path} must be a whole number of at least 1")
        return None

    def items(
        self, node: Node, path: str, read: abc.Callable[[Node, str], T | None]
    ) -> tuple[T, ...]:
        """Return what ``read`` makes of each entry of a list."""
        if not isinstance(node, Sequence):
            self.problem(node.span, f"{path} must be a list", "start each entry with '- '")
            return ()
        values = [read(item, f"{path}[{index}]") for index, item in enumerate(node.items)]
        return tuple(value for value in values if value is not None)

    def list_of(
        self, read: abc.Callable[[Node, str], T | None]
    ) -> abc.Callable[[Node, str], tuple[T, ...]]:
        """Return a reader of lists of what ``read`` reads."""
        return lambda node, path: self.items(node, path, read)

    def _unknown(self, key: Scalar, path: str, known: list[str]) -> None:
        if path in self._unsupported:
            hint = f"remove it: {self._unsupported[path]}"
            self.problem(key.span, f"{path} is not supported by this version of cogkit", hint)
            return
        near = get_close_matches(key.text, known, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(sorted(known))}"
        self.problem(key.span, f"{path}: unknown key", hint)
