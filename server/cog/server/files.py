"""Turns output values from the wire into what clients see: files become data URLs.

A file that cannot be read fails the prediction; Cog drops it and reports success.
"""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Callable
from pathlib import Path

from cog.wire import unescape

File = dict[str, str]

_UNKNOWN_TYPE = "application/octet-stream"


class OutputFileError(Exception):
    """An output file cannot be read; the text is for the client and names no path."""


class _NeedsFile(Exception):
    """The value holds a file: not to be rendered where reading a file would block."""


def render(value: object, on_file: Callable[[File], object]) -> object:
    """Return the JSON value for clients, each file replaced by what ``on_file`` makes of it."""
    return unescape(value, on_file)


def render_without_files(value: object) -> tuple[bool, object]:
    """Return (True, the JSON value for clients), or (False, None) if there is a file inside."""
    try:
        return True, unescape(value, _refuse)
    except _NeedsFile:
        return False, None


def data_url(file: File) -> str:
    """Read a file into a data URL; raises OutputFileError. Blocks."""
    path = Path(file["__file__"])
    name = file.get("name") or path.name
    mime = file.get("mime") or mimetypes.guess_type(name)[0] or _UNKNOWN_TYPE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OutputFileError(f"cannot read the output file {name!r}: {error.strerror}") from error
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


def _refuse(_: File) -> object:
    raise _NeedsFile
