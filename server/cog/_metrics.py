"""Metrics of one prediction: what may be recorded and what it adds up to. No I/O.

The rules and their wording are those of Cog's runtime: names of at most 128 characters and four
segments, one type per name, and modes that replace, add or append.
"""

from __future__ import annotations

import json
import re
from typing import Literal, cast

Mode = Literal["replace", "increment", "append", "delete"]
MODES: dict[str, Mode] = {
    "replace": "replace",
    "incr": "increment",
    "increment": "increment",
    "append": "append",
}
MAX_NAME = 128
MAX_SEGMENTS = 4
_SEGMENT = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_KINDS: dict[type, str] = {
    bool: "bool",
    int: "number",
    float: "number",
    str: "str",
    list: "list",
    dict: "dict",
}


class Metrics:
    """The metrics of one prediction, by name, in the order they were first recorded."""

    def __init__(self) -> None:
        self._values: dict[str, object] = {}
        self._kinds: dict[str, str] = {}  # of a list made by appending: that of its items

    def __repr__(self) -> str:
        return f"<Metrics {', '.join(self._values) or 'none'}>"

    def record(self, name: str, value: object, mode: str = "replace") -> Mode:
        """Record a value and return the mode in its long spelling.

        Appending to a value that is no list makes it the first of one. Recording ``a`` forgets
        ``a.b``. Raises ValueError for a bad name, mode or value that JSON cannot hold; TypeError
        for a value of another kind than the name holds (delete it first), or one that the mode
        cannot use.
        """
        check_name(name)
        if mode not in MODES:
            raise ValueError(f"metric mode {mode!r} is not one of {', '.join(MODES)}")
        kind, old = _kind(name, value), self._values.get(name)
        if self._kinds.get(name, kind) != kind:
            raise TypeError(
                f"metric {name!r} holds a {self._kinds[name]}, not a {kind}; delete it first"
            )
        long_mode = MODES[mode]
        if long_mode == "increment":
            value = _added(name, old, value)
        elif long_mode == "append":
            value = _appended(old, value)
        self._forget_inside(name)
        self._values[name], self._kinds[name] = value, kind
        return long_mode

    def delete(self, name: str) -> None:
        """Forget a metric and what is inside it; one that was never recorded is no error."""
        check_name(name)
        self._forget_inside(name)
        self._values.pop(name, None)
        self._kinds.pop(name, None)

    def nested(self) -> dict[str, object]:
        """Return the final values, names with dots as objects inside objects."""
        tree: dict[str, object] = {}
        for name, value in self._values.items():
            *parents, leaf = name.split(".")
            node = tree
            for parent in parents:
                inner = node.get(parent)
                # A copy: it may be the handler's own.
                node[parent] = dict(inner) if isinstance(inner, dict) else {}
                node = cast("dict[str, object]", node[parent])
            node[leaf] = value
        return tree

    def _forget_inside(self, name: str) -> None:
        for inner in [other for other in self._values if other.startswith(f"{name}.")]:
            del self._values[inner], self._kinds[inner]


def check_name(name: str) -> None:
    """Raise ValueError where a metric cannot be called ``name``."""
    if not isinstance(name, str):
        raise TypeError(f"a metric's name is a str, not {type(name).__name__}")
    problem = _name_problem(name)
    if problem:
        raise ValueError(f"metric name {name!r} {problem}")


def _name_problem(name: str) -> str:
    segments = name.split(".")
    if len(name) > MAX_NAME:
        return f"must have at most {MAX_NAME} characters"
    if name == "predict_time" or segments[0] == "cog":
        return "is reserved"
    if name.startswith("."):
        return "must not start with a dot"
    if not all(segments):
        return "must not have empty segments"
    if len(segments) > MAX_SEGMENTS:
        return f"must have at most {MAX_SEGMENTS} dot-separated segments"
    return next(filter(None, map(_segment_problem, segments)), "")


def _segment_problem(segment: str) -> str:
    if not re.match(r"[A-Za-z]", segment):
        return "must start with a letter"
    if "__" in segment:
        return "must not contain consecutive underscores"
    if segment.endswith("_"):
        return "must end with a letter or digit"
    if not _SEGMENT.fullmatch(segment):
        return "must contain only letters, digits and underscores"
    return ""


def _kind(name: str, value: object) -> str:
    kind = _KINDS.get(type(value))
    if kind is None:
        allowed = "bool, int, float, str, list or dict"
        raise TypeError(f"metric {name!r} must be {allowed}, not {type(value).__name__}")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"metric {name!r} cannot be written as JSON: {error}") from error
    return kind


def _added(name: str, old: object, value: object) -> object:
    for operand in (value, 0 if old is None else old):
        if isinstance(operand, bool) or not isinstance(operand, int | float):
            raise TypeError(f"metric {name!r}: only numbers can be incremented, not {operand!r}")
    return value if old is None else cast("float", old) + cast("float", value)


def _appended(old: object, value: object) -> list[object]:
    if old is None:
        return [value]
    return [*old, value] if isinstance(old, list) else [old, value]
