"""Constants as JSON: what a default, a choice or a bound may be in the document."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cog_frontend.schema.model import Json

MAX_NODES = 10_000
MAX_BITS = 4096


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an ``Enum`` of the project."""

    enum: str
    name: str
    value: object


def to_json(value: object) -> Json:
    """Return the JSON value of a constant, enum members as their values.

    Raises ``TypeError`` for what JSON cannot hold (bytes, infinity, keys that are no text) and
    ``ValueError`` beyond 10,000 values or for a number of more than 4096 bits.
    """
    return _ToJson().convert(value)


class _ToJson:
    def __init__(self) -> None:
        self.nodes = 0

    def convert(self, value: object) -> Json:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ValueError(f"it holds more than {MAX_NODES} values")
        match value:
            case Member(value=inner):
                return self.convert(inner)
            case list() | tuple():
                return [self.convert(item) for item in value]
            case dict():
                return {_key(key): self.convert(item) for key, item in value.items()}
            case _:
                return _plain(value)


def _plain(value: object) -> Json:
    match value:
        case None | bool():
            return value
        case int():
            return _checked_int(value)
        case float():
            return _finite(value)
        case str():
            return _unicode(value)
        case _:
            raise TypeError(f"{type(value).__name__} is not a JSON value")


def _checked_int(value: int) -> int:
    if value.bit_length() > MAX_BITS:
        raise ValueError("the number is too large")
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise TypeError(f"{value} is not a JSON number")
    return value


def _unicode(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise TypeError("a lone surrogate is not a JSON text") from error
    return value


def _key(key: object) -> str:
    if isinstance(key, Member):
        key = key.value
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} is not text")
    return _unicode(key)
