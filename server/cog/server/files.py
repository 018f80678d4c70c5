"""Turns output values from the wire into what clients see: files become data URLs.

A file that cannot be read fails the prediction; Cog drops it and reports success. So does one that
lies outside the prediction's folder: the worker copies files in, so it is none that a handler gave.
"""

from __future__ import annotations

import asyncio
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


def data_url(file: File, folder: Path) -> str:
    """Read a file inside ``folder`` into a data URL; raises OutputFileError. Blocks."""
    path = Path(file["__file__"])
    name = str(file.get("name") or path.name)
    mime = file.get("mime") or mimetypes.guess_type(name)[0] or _UNKNOWN_TYPE
    try:
        content = _inside(path, folder).read_bytes()
    except OSError as error:
        raise OutputFileError(f"cannot read the output file {name!r}: {error.strerror}") from error
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


async def as_data_url(file: File, folder: Path) -> str:
    """Return `data_url`, read off the event loop."""
    return await asyncio.to_thread(data_url, file, folder)


def _inside(path: Path, folder: Path) -> Path:
    """Return where a path leads; raises OutputFileError unless to a file inside ``folder``."""
    try:
        target = path.resolve()
        is_ours = target.is_relative_to(folder.resolve())
    except (ValueError, RuntimeError):  # a NUL in it; links in a circle, before Python 3.13
        is_ours = False
    if not is_ours:
        raise OutputFileError(f"the output file {path.name!r} is not in the prediction's folder")
    # Reading anything else, such as a FIFO, might never end.
    if target.exists() and not target.is_file():
        raise OutputFileError(f"the output file {path.name!r} is not a file")
    return target


def _refuse(_: File) -> object:
    raise _NeedsFile
