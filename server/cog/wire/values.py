"""Files inside the values of messages, and how a user's own dict is kept apart from them.

A file inside a value travels as ``{"__file__": "<absolute path>", ...}``. A user's own dict
cannot be mistaken for one: before it is put on the wire every key of the form ``_*__file__`` gets
one more leading underscore (`escape`), and the reader takes it away again (`unescape`). A bare
``__file__`` on the wire is therefore always ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_FILE = "__file__"
_FILE_LIKE = re.compile(r"_*__file__")


def file_value(path: str, *, name: str = "", mime: str = "") -> dict[str, str]:
    """Return the wire form of a file: absolute path, name to show, MIME type (both optional)."""
    value = {_FILE: path}
    if name:
        value["name"] = name
    if mime:
        value["mime"] = mime
    return value


def is_file_value(value: object) -> bool:
    """Say whether a value read from the wire is a file made by `file_value`."""
    return isinstance(value, dict) and isinstance(value.get(_FILE), str)


def escape(value: object) -> object:
    """Return a JSON value such that nothing inside it can be taken for a file."""
    if isinstance(value, dict):
        return {escape_key(key): escape(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [escape(item) for item in value]
    return value


def unescape(value: object, on_file: Callable[[dict[str, str]], object]) -> object:
    """Return the value as it was before `escape`, each file value replaced by ``on_file(it)``."""
    if isinstance(value, dict):
        if is_file_value(value):
            return on_file(value)
        return {_unescape_key(key): unescape(item, on_file) for key, item in value.items()}
    if isinstance(value, list):
        return [unescape(item, on_file) for item in value]
    return value


def escape_key(key: str) -> str:
    """Return the key of a user's dict as it goes on the wire."""
    return f"_{key}" if _FILE_LIKE.fullmatch(key) else key


def _unescape_key(key: str) -> str:
    return key[1:] if _FILE_LIKE.fullmatch(key) else key
