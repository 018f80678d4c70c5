"""Turns output values from the wire into what clients see: files become data URLs.

A file that cannot be read fails the prediction; Cog drops it and reports success. So does one that
lies outside the prediction's folder: the worker copies files in, so it is none that a handler gave.
"""

from __future__ import annotations

import asyncio
import base64
import mimetypes
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import BinaryIO

from cog.wire import unescape

File = dict[str, str]

MAX_DATA_URLS = 256 * 1024 * 1024
"""Bytes of one prediction's output files that are sent inside the answer, all of them together.

There they take a third more room.
"""

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


def shown_name(file: File) -> str:
    """Return the name that clients see, never a path."""
    name = PurePath(str(file.get("name") or file["__file__"])).name
    return name if name.strip(".") else "file"


def media_type(file: File) -> str:
    """Return the MIME type, guessed from the name where the worker has not said it."""
    return file.get("mime") or mimetypes.guess_type(shown_name(file))[0] or _UNKNOWN_TYPE


class DataUrls:
    """Turns the files of one prediction into data URLs, ``limit`` bytes of files at most."""

    def __init__(self, limit: int = MAX_DATA_URLS) -> None:
        self._limit = limit
        self._left = limit
        self._lock = threading.Lock()

    async def send(self, file: File, folder: Path) -> str:
        """Return the data URL of a file inside ``folder``; raises OutputFileError."""
        return await asyncio.to_thread(self._read, file, folder)

    def _read(self, file: File, folder: Path) -> str:
        with open_file(file, folder) as content:
            size = os.fstat(content.fileno()).st_size
            with self._lock:
                self._left -= size
                fits = self._left >= 0
            if not fits:
                raise OutputFileError(
                    f"with {shown_name(file)!r} the output files are larger than {self._limit}"
                    " bytes: too large for the answer, start the server with --upload-url"
                )
            # No more than that, should it be growing.
            encoded = base64.b64encode(content.read(size)).decode("ascii")
        return f"data:{media_type(file)};base64,{encoded}"


@contextmanager
def open_file(file: File, folder: Path) -> Iterator[BinaryIO]:
    """Open a file of the wire for reading; raises OutputFileError unless it lies in ``folder``.

    What has been opened is judged, not its path: nothing can be put in its place in between.
    """
    name = shown_name(file)
    try:
        # Opening a FIFO without O_NONBLOCK would wait for somebody to write to it.
        fd = os.open(file["__file__"], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise OutputFileError(f"cannot read the output file {name!r}: {error.strerror}") from error
    except ValueError as error:  # a NUL in it
        raise _elsewhere(name) from error
    with os.fdopen(fd, "rb") as content:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            raise OutputFileError(f"the output file {name!r} is not a file")
        # The worker copies files in, so no file of ours has a second name elsewhere.
        if state.st_nlink > 1 or not _where(fd, file["__file__"]).is_relative_to(folder.resolve()):
            raise _elsewhere(name)
        yield content


def _elsewhere(name: str) -> OutputFileError:
    return OutputFileError(f"the output file {name!r} is not in the prediction's folder")


def _where(fd: int, path: str) -> Path:
    opened = Path(f"/proc/self/fd/{fd}")
    return opened.resolve() if opened.exists() else Path(path).resolve()


def _refuse(_: File) -> object:
    raise _NeedsFile
