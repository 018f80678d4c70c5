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
from cog_cli.judge import Mismatch, judge

ReadFile = Callable[[Path], bytes]

_INTEGER = re.compile(r"[+-]?[0-9]+")
# The spellings of Go's strconv.ParseBool, which Cog's command accepts.
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


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
            value: object = self._list(texts, self.model.resolve(schema.get("items", {})))
        elif len(texts) > 1:
            raise Mismatch(f"given {len(texts)} times, but it is no list")
        elif variants := schema.get("anyOf"):
            value = self._any_of(texts[0], [self.model.resolve(each) for each in variants])
        else:
            value = self._one(texts[0], schema)
        judge(value, schema, self.model)
        return value

    def _list(self, texts: Sequence[str], items: Schema) -> list[object]:
        if len(texts) == 1 and texts[0].lstrip().startswith("["):
            whole = _json(texts[0])
            return whole if isinstance(whole, list) else [whole]
        return [self._one(text, items) for text in texts]

    def _any_of(self, text: str, variants: list[Schema]) -> object:
        # A plain text fits every string, so strings are tried last.
        for schema in sorted(variants, key=lambda each: each.get("type") == "string"):
            try:
                return self.read([text], schema)
            except Mismatch:
                continue
        return text

    def _one(self, text: str, schema: Schema) -> object:
        kind = schema.get("type")
        if kind == "string" and schema.get("format") == "uri":
            return self._file(_unquoted(text))
        return _READERS.get(str(kind), _json)(text)

    def _file(self, text: str) -> str:
        if not text.startswith("@"):
            return text
        path = Path(text[1:]).expanduser()
        return data_url(path, self.read_file(path))


def data_url(path: Path, content: bytes) -> str:
    """Return the content as a data URL (RFC 2397), its type guessed from the file's name."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


# A reader returns a text that it cannot read as it is: judging the value says what is wrong.


def _integer(text: str) -> object:
    if not _INTEGER.fullmatch(text.strip()):
        return text
    # int() refuses more than 4300 digits (sys.set_int_max_str_digits); so does the server.
    try:
        return int(text)
    except ValueError:
        raise Mismatch(f"an integer of {len(text)} digits is too long") from None


def _number(text: str) -> object:
    if _INTEGER.fullmatch(text.strip()):
        return _integer(text)
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    return value if math.isfinite(value) else text  # JSON has no NaN and no infinity


def _boolean(text: str) -> object:
    return _BOOLEANS.get(text, text)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text


def _json(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value


_READERS: dict[str, Callable[[str], object]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _unquoted,
}
