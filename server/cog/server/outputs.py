"""Output values on their way from the worker to clients: in order, files replaced by URLs.

Values without files, nearly all, are passed on at once. From a value with files on, what follows
waits its turn in a task, so that a slow upload never changes the order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from cog.server.files import File, OutputFileError, render, render_without_files
from cog.server.logs import LOGGER

_log = logging.getLogger(LOGGER)

SendFile = Callable[[File, Path], Awaitable[str]]
"""Gives the URL of a file inside a prediction's folder; raises OutputFileError."""

_AT_ONCE = 8  # files of one value that are sent at a time


class _Value(NamedTuple):
    value: object
    then: Callable[[object], None]


class Outputs:
    """The output values of one prediction; ``error`` says what went wrong with the first bad one.

    What comes after a bad value is dropped, since a list with a hole in it is no output.
    """

    __slots__ = ("_id", "_send_file", "_task", "_waiting", "error", "folder")

    def __init__(self, prediction_id: str, send_file: SendFile) -> None:
        self._id = prediction_id
        self.folder: Path | None = None
        self.error = ""
        self._send_file = send_file
        self._waiting: deque[_Value] | None = None
        self._task: asyncio.Future[None] | None = None

    def add(self, value: object, then: Callable[[object], None]) -> None:
        """Call ``then`` with what clients see, after those of all earlier values."""
        if self._waiting is None:
            try:
                plain, shown = render_without_files(value)
            except RecursionError:
                self.error = self.error or "The output is nested too deeply"
                return
            if plain:
                if not self.error:
                    then(shown)
                return
            self._waiting = deque()
            self._task = asyncio.ensure_future(self._work(self._waiting))
        self._waiting.append(_Value(value, then))

    def end(self, then: Callable[[], None]) -> None:
        """Call ``then`` when all values have been passed on."""
        if self._task is None:
            then()
        else:
            self._task.add_done_callback(lambda _: then())

    async def _work(self, waiting: deque[_Value]) -> None:
        while waiting:
            one = waiting.popleft()
            if self.error:
                continue
            try:
                shown = await self._render(one.value)
            except OutputFileError as error:
                self.error = str(error)
            except Exception as error:
                # Whatever it is, an accepted prediction has to end.
                about = {"prediction_id": self._id}
                _log.exception("Cannot send the output of prediction %s", self._id, extra=about)
                self.error = f"The output cannot be sent: {type(error).__name__}"
            else:
                one.then(shown)
        self._waiting = self._task = None

    async def _render(self, value: object) -> object:
        assert self.folder is not None, "only what has run has an output"
        files: list[File] = []
        render(value, files.append)
        gate = asyncio.Semaphore(_AT_ONCE)
        urls = iter(await asyncio.gather(*(self._send(file, self.folder, gate) for file in files)))
        return render(value, lambda _: next(urls))

    async def _send(self, file: File, folder: Path, gate: asyncio.Semaphore) -> str:
        async with gate:
            return await self._send_file(file, folder)
