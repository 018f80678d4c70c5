"""The keywords of a schema, each turned into a check: a value and its place in, faults out.

The wording of a fault is that of Cog's server, whose validator is the ``jsonschema`` crate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeGuard

from cog.server.inputs import Upload

HIDDEN = "**********"
"""Stands for the value of a secret wherever a value is shown."""

_SHOWN = 200  # characters of a value quoted in a message; an input may be 100 MiB long

Place = tuple[str | int, ...]
Node = dict[str, object]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where, what, and Cog's name for the kind of fault."""

    loc: Place
    msg: str
    type: str = "value_error"


Check = Callable[[object, Place], Iterator[Fault]]


class SchemaError(Exception):
    """The project's OpenAPI document cannot be used; nothing a client did."""


class Compiler(Protocol):
    """What a keyword needs to reach the schemas inside and beside its own."""

    def compile(self, node: Node) -> Check:
        """Return the check of a schema."""

    def resolve(self, ref: object) -> Check:
        """Return the check of a definition; raises SchemaError if there is none."""


def as_node(value: object) -> Node:
    """Return a schema as what it is; raises SchemaError."""
    if not isinstance(value, dict):
        raise SchemaError(f"expected a schema, got {value!r:.60}")
    return value


def as_nodes(found: Node) -> dict[str, Node]:
    """Return named schemas as what they are; raises SchemaError."""
    return {name: as_node(value) for name, value in found.items()}


def is_secret(node: Node) -> bool:
    """Say whether values of this schema, or parts of them, must not be shown."""
    if node.get("format") == "password" or node.get("x-cog-secret") is True:
        return True
    parts = [node.get("items"), *_parts(node, "anyOf"), *_parts(node, "allOf")]
    return any(isinstance(part, dict) and is_secret(part) for part in parts)


def _parts(node: Node, key: str) -> list[object]:
    parts = node.get(key)
    return parts if isinstance(parts, list) else []


def _list(node: Node, key: str) -> list[object]:
    value = node[key]
    if not isinstance(value, list):
        raise SchemaError(f"{key}: expected a list, got {value!r:.60}")
    return value


def _number(node: Node, key: str) -> float:
    value = node[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SchemaError(f"{key}: expected a number, got {value!r:.60}")
    return value


def _show(value: object, node: Node) -> str:
    if is_secret(node) and value is not None:
        return f'"{HIDDEN}"'
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and value % 1 == 0,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


def _type(_: Compiler, node: Node) -> Check:
    wanted = node["type"]
    if not isinstance(wanted, str) or wanted not in _TYPES:
        raise SchemaError(f"type: {wanted!r:.60} is not a JSON type")
    holds = _TYPES[wanted]

    def check(value: object, place: Place) -> Iterator[Fault]:
        if not holds(value):
            yield Fault(place, f'{_show(value, node)} is not of type "{wanted}"')

    return check


def _same(one: object, other: object) -> bool:
    # In Python True == 1; in JSON they differ.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _enum(_: Compiler, node: Node) -> Check:
    options = _list(node, "enum")

    def check(value: object, place: Place) -> Iterator[Fault]:
        if not any(_same(value, option) for option in options):
            yield Fault(place, f"{_show(value, node)} is not one of {_show(options, {})}")

    return check


@dataclass(frozen=True, slots=True)
class _Bound:
    """A limit on a number or on a length: says nothing about values of other kinds."""

    key: str
    phrase: str
    breaks: Callable[[float, float], bool]
    measure: Callable[[object], float | None]
    unit: str = ""

    def __call__(self, _: Compiler, node: Node) -> Check:
        limit = _number(node, self.key)
        unit = self.unit and f" {self.unit}{'' if limit == 1 else 's'}"

        def check(value: object, place: Place) -> Iterator[Fault]:
            size = self.measure(value)
            if size is not None and self.breaks(size, limit):
                yield Fault(place, f"{_show(value, node)} {self.phrase} {limit}{unit}")

        return check


def _value(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _characters(value: object) -> float | None:
    return len(value) if isinstance(value, str) else None


def _items_count(value: object) -> float | None:
    return len(value) if isinstance(value, list) else None


def _below(size: float, limit: float) -> bool:
    return size < limit


def _above(size: float, limit: float) -> bool:
    return size > limit


def _pattern(_: Compiler, node: Node) -> Check:
    try:
        pattern = re.compile(str(node["pattern"]))
    except re.error as error:
        raise SchemaError(f"pattern {node['pattern']!r}: {error}") from error

    def check(value: object, place: Place) -> Iterator[Fault]:
        if isinstance(value, str) and not pattern.search(value):
            yield Fault(place, f'{_show(value, node)} does not match "{pattern.pattern}"')

    return check


_URL = re.compile(r"(?:https?://|data:).", re.IGNORECASE | re.DOTALL)


def _format(_: Compiler, node: Node) -> Check:
    # Only Path and File inputs are of format uri. Cog passes any text on, and the handler then gets
    # a str where it declared a Path; a path on the server's own disk must not be read either.
    def check(value: object, place: Place) -> Iterator[Fault]:
        if isinstance(value, str) and not (isinstance(value, Upload) or _URL.match(value)):
            shown = _show(value, node)
            yield Fault(place, f'{shown} is not a "uri" (expected an http, https or data URL)')

    return check if node["format"] == "uri" else _nothing


def _nothing(_: object, __: Place) -> Iterator[Fault]:
    return iter(())


def _items(compiler: Compiler, node: Node) -> Check:
    item = compiler.compile(as_node(node["items"]))

    def check(value: object, place: Place) -> Iterator[Fault]:
        if isinstance(value, list):
            for index, each in enumerate(value):
                yield from item(each, (*place, index))

    return check


def _properties(compiler: Compiler, node: Node) -> Check:
    checks = {
        name: compiler.compile(each) for name, each in as_nodes(as_node(node["properties"])).items()
    }

    def check(value: object, place: Place) -> Iterator[Fault]:
        for name, item in value.items() if isinstance(value, dict) else ():
            if name in checks:
                yield from checks[name](item, (*place, name))

    return check


def _additional(compiler: Compiler, node: Node) -> Check:
    named = as_node(node.get("properties", {})).keys()
    rule = node["additionalProperties"]
    each = None if isinstance(rule, bool) else compiler.compile(as_node(rule))

    def check(value: object, place: Place) -> Iterator[Fault]:
        for name, item in value.items() if isinstance(value, dict) else ():
            if name in named:
                continue
            if each is not None:
                yield from each(item, (*place, name))
            elif rule is False:
                yield Fault((*place, name), "Extra inputs are not permitted")

    return check


def _required(_: Compiler, node: Node) -> Check:
    names = [str(name) for name in _list(node, "required")]

    def check(value: object, place: Place) -> Iterator[Fault]:
        for name in names:
            if isinstance(value, dict) and name not in value:
                yield Fault((*place, name), "Field required", "value_error.missing")

    return check


def _all_of(compiler: Compiler, node: Node) -> Check:
    parts = [compiler.compile(as_node(part)) for part in _list(node, "allOf")]

    def check(value: object, place: Place) -> Iterator[Fault]:
        for part in parts:
            yield from part(value, place)

    return check


def _any_of(compiler: Compiler, node: Node) -> Check:
    parts = [compiler.compile(as_node(part)) for part in _list(node, "anyOf")]
    phrase = "is not valid under any of the schemas listed in the 'anyOf' keyword"

    def check(value: object, place: Place) -> Iterator[Fault]:
        if all(next(part(value, place), None) for part in parts):
            yield Fault(place, f"{_show(value, node)} {phrase}")

    return check


def _ref(compiler: Compiler, node: Node) -> Check:
    return compiler.resolve(node["$ref"])


KEYWORDS: dict[str, Callable[[Compiler, Node], Check]] = {
    "type": _type,
    "enum": _enum,
    "minimum": _Bound("minimum", "is less than the minimum of", _below, _value),
    "maximum": _Bound("maximum", "is greater than the maximum of", _above, _value),
    "minLength": _Bound("minLength", "is shorter than", _below, _characters, "character"),
    "maxLength": _Bound("maxLength", "is longer than", _above, _characters, "character"),
    "minItems": _Bound("minItems", "has less than", _below, _items_count, "item"),
    "maxItems": _Bound("maxItems", "has more than", _above, _items_count, "item"),
    "pattern": _pattern,
    "format": _format,
    "items": _items,
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "allOf": _all_of,
    "anyOf": _any_of,
    "$ref": _ref,
}
"""The keywords that are looked at; every other one is an annotation."""
