"""Whether a value is what a JSON Schema wants, said in the sentences of Cog's command.

As strict as the server and no stricter: what passes here and is refused there cost a build.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeGuard

from cog_cli.interface import Interface, Schema

IS_URL = re.compile(r"(https?://|data:).", re.IGNORECASE | re.DOTALL)
# Longer values are not repeated in an error.
_SHOWN = 60


class Mismatch(Exception):
    """A value is not of the type, or not within the bounds, that the schema wants."""


def judge(value: object, schema: Schema, model: Interface) -> None:
    """Return if ``value`` fits ``schema``, whose references are those of ``model``; Mismatch."""
    schema = model.resolve(schema)
    if variants := schema.get("anyOf"):
        _judge_variants(value, [model.resolve(each) for each in variants], model)
        return
    if value is None and {"type", "enum"} & schema.keys():
        if schema.get("nullable") or schema.get("type") == "null":
            return
        raise Mismatch("must not be null (omit the input to use its default)")
    kind = schema.get("type")
    if kind in _TYPES and not _TYPES[kind](value):
        raise Mismatch(f"expected {kind}, got {_described(value, schema)}")
    _judge_choice(value, schema)
    if isinstance(value, str):
        _judge_text(value, schema)
    elif _is_number(value):
        _judge_bounds(value, schema, ("minimum", "maximum"), "")
    elif isinstance(value, list) and "items" in schema:
        for each in value:
            judge(each, schema["items"], model)


def _judge_variants(value: object, variants: list[Schema], model: Interface) -> None:
    for each in variants:
        try:
            judge(value, each, model)
        except Mismatch:
            continue
        return
    kinds = " or ".join(str(each.get("type", "any")) for each in variants)
    secret: Schema = next((each for each in variants if _is_secret(each)), {})
    raise Mismatch(f"expected {kinds}, got {_described(value, secret)}")


def _judge_choice(value: object, schema: Schema) -> None:
    choices = schema.get("enum")
    # In Python True == 1; in JSON they differ.
    if choices is not None and not any(
        value == each and isinstance(value, bool) == isinstance(each, bool) for each in choices
    ):
        raise Mismatch(f"must be one of: {', '.join(map(str, choices))}")


def _judge_text(value: str, schema: Schema) -> None:
    _judge_bounds(len(value), schema, ("minLength", "maxLength"), " characters long")
    pattern = schema.get("pattern")
    if pattern is not None and not re.search(pattern, value):
        raise Mismatch(f"does not match {pattern}")
    if schema.get("format") == "uri" and not IS_URL.match(value):
        raise Mismatch(f"expected a file or a URL; for a file write -i NAME=@{value:.{_SHOWN}}")


def _judge_bounds(size: object, schema: Schema, keys: tuple[str, str], unit: str) -> None:
    least, most = (schema.get(key) for key in keys)
    assert isinstance(size, int | float)
    if least is not None and size < least:
        raise Mismatch(f"must be at least {least}{unit}")
    if most is not None and size > most:
        raise Mismatch(f"must be at most {most}{unit}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return _is_number(value) and value % 1 == 0


def _is_secret(schema: Schema) -> bool:
    return schema.get("format") == "password" or schema.get("x-cog-secret") is True


_TYPES: dict[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_whole,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}


def _described(value: object, schema: Schema) -> str:
    """The type of a value and, if it is short and no secret, the value."""
    kinds = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
    kind = kinds.get(type(value), "array" if isinstance(value, list) else "object")
    text = json.dumps(value, ensure_ascii=False)
    is_shown = value is not None and len(text) <= _SHOWN and not _is_secret(schema)
    return f"{kind} {text}" if is_shown else kind
