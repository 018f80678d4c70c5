"""One text of the command line -> a value of the type that a JSON Schema wants.

Rules of Cog's ``cog predict``: ``@path`` is a file, a pair of double quotes around a text is
dropped, a list is JSON or its elements one by one. Numbers are exact, however long.
"""

from __future__ import annotations

import base64
import json
import math
import mimetypes
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cog_cli.interface import Interface, Schema

ReadFile = Callable[[Path], bytes]

_INTEGER = re.compile(r"[+-]?[0-9]+")
# The spellings of Go's strconv.ParseBool, which Cog's command accepts.
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_IS_URL = re.compile(r"(https?|data):", re.IGNORECASE)


class Mismatch(Exception):
    """A text is not of the type, or not within the bounds, that the schema wants."""


@dataclass(frozen=True, slots=True)
class ValueReader:
    """Reads texts for the inputs of ``model``; ``read_file`` gives a file's content."""

    model: Interface
    read_file: ReadFile

    def read(self, texts: Sequence[str], schema: Schema) -> object:
        """Return the value of an input given as ``texts``; Mismatch when it cannot be one.

        OSError comes through from ``read_file``.
        """
        if schema.get("type") == "array":
            return self._list(texts, self.model.resolve(schema.get("items", {})))
        if len(texts) > 1:
            raise Mismatch(f"given {len(texts)} times, but it is no list")
        if variants := schema.get("anyOf"):
            return self._any_of(texts[0], [self.model.resolve(each) for each in variants])
        return self._checked(texts[0], schema)

    def _list(self, texts: Sequence[str], items: Schema) -> list[object]:
        if len(texts) == 1 and texts[0].lstrip().startswith("["):
            whole = _json(texts[0], "list")
            return whole if isinstance(whole, list) else [whole]
        return [self._checked(text, items) for text in texts]

    def _any_of(self, text: str, variants: list[Schema]) -> object:
        # A plain text fits every string, so strings are tried last.
        for schema in sorted(variants, key=lambda each: each.get("type") == "string"):
            try:
                return self.read([text], schema)
            except Mismatch:
                continue
        names = ", ".join(str(each.get("type", "any")) for each in variants)
        raise Mismatch(f"'{text}' is none of {names}")

    def _checked(self, text: str, schema: Schema) -> object:
        kind = schema.get("type")
        if kind == "string" and schema.get("format") == "uri":
            value: object = self._file(_unquoted(text))
        else:
            value = _READERS.get(str(kind), _anything)(text)
        _check(value, schema)
        return value

    def _file(self, text: str) -> str:
        if text.startswith("@"):
            path = Path(text[1:]).expanduser()
            return data_url(path, self.read_file(path))
        if not _IS_URL.match(text):
            raise Mismatch(f"expected a file or a URL; for a file write @{text}")
        return text


def data_url(path: Path, content: bytes) -> str:
    """Return the content as a data URL (RFC 2397), its type guessed from the file's name."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text.strip()):
        raise Mismatch(f"expected an integer, got '{text}'")
    # int() refuses more than 4300 digits (sys.set_int_max_str_digits); so does the server.
    try:
        return int(text)
    except ValueError:
        raise Mismatch(f"an integer of {len(text)} digits is too long") from None


def _number(text: str) -> int | float:
    if _INTEGER.fullmatch(text.strip()):
        return _integer(text)
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):  # JSON has no NaN and no infinity
        raise Mismatch(f"expected a number, got '{text}'")
    return value


def _boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise Mismatch(f"expected true or false, got '{text}'")
    return _BOOLEANS[text]


def _object(text: str) -> object:
    value = _json(text, "object")
    if not isinstance(value, dict):
        raise Mismatch(f"expected a JSON object, got '{text}'")
    return value


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text


def _anything(text: str) -> object:
    # No type in the schema: any JSON will do, and what is none is a text.
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value


_READERS: dict[str, Callable[[str], object]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "object": _object,
    "string": _unquoted,
}


def _json(text: str, name: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise Mismatch(f"expected a JSON {name}, got '{text}' ({error})") from error
    return value


def _check(value: object, schema: Schema) -> None:
    """Compare with choices and bounds, so that a slip costs no start of a container."""
    choices = schema.get("enum")
    if choices is not None and value not in choices:
        raise Mismatch(f"must be one of: {', '.join(map(str, choices))}")
    if isinstance(value, str):
        _check_bounds(len(value), schema, ("minLength", "maxLength"), " characters long")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_bounds(value, schema, ("minimum", "maximum"), "")


def _check_bounds(size: float, schema: Schema, keys: tuple[str, str], unit: str) -> None:
    least, most = (schema.get(key) for key in keys)
    if least is not None and size < least:
        raise Mismatch(f"must be at least {least}{unit}")
    if most is not None and size > most:
        raise Mismatch(f"must be at most {most}{unit}")
