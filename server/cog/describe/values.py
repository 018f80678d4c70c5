"""Values of the model's code as JSON."""

from __future__ import annotations

import enum
import math
import pathlib
import re
from collections.abc import Mapping


class NotJson(Exception):
    """A value that JSON cannot hold; the text is the rest of a sentence about it."""


def to_json(value: object) -> object:  # noqa: PLR0911 - one line for each kind of value
    """Return the JSON value of a default or a choice; enum members as their values."""
    if isinstance(value, enum.Enum):
        return to_json(value.value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotJson(f"is {value}, which is not a JSON number")
        return value
    if isinstance(value, pathlib.PurePath):
        # A path makes one slash of the two in a URL.
        return _text(re.sub(r"^(https?:)/(?!/)", r"\1//", str(value)))
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {_key(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return [to_json(item) for item in sorted(value, key=repr)]
    if isinstance(value, (list, tuple, range)):
        return [to_json(item) for item in value]
    raise NotJson(f"is of the type {type(value).__name__}, which is not a JSON value")


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotJson("holds a lone surrogate, which is not a JSON text") from None
    return str(value)


def _key(key: object) -> str:
    if isinstance(key, enum.Enum):
        key = key.value
    if not isinstance(key, str):
        raise NotJson(f"has the key {key!r}, which is not text")
    return _text(key)
