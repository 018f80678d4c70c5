"""Sending a prediction to its worker: a folder, its input files, the message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from cog import wire
from cog.server.inputs import InputFileError, fetch_all, for_worker, urls_in
from cog.server.live import Live
from cog.server.logs import LOGGER
from cog.server.prediction import Result, Status, failed
from cog.server.surroundings import Surroundings
from cog.server.workers import Workers

_log = logging.getLogger(LOGGER)


class Dispatch:
    """Sends predictions that hold a slot; ``cannot`` is told of those that could not be sent."""

    def __init__(
        self,
        surroundings: Surroundings,
        workers: Workers,
        cannot: Callable[[Live, str, Result], None],
    ) -> None:
        self._around = surroundings
        self._workers = workers
        self._cannot = cannot
        self._file_inputs: frozenset[str] = frozenset()

    def knows(self, ready: wire.Ready) -> None:
        """A worker has said which inputs are files."""
        self._file_inputs = frozenset(ready.file_inputs)

    def start(self, live: Live, worker: str) -> Result | None:
        """Send a prediction, once its input files are there; return why it cannot be sent."""
        try:
            live.outputs.folder = folder = live.folder or self._around.scratch.lend()
            if urls := urls_in(live.given, self._file_inputs):
                live.has_file_inputs = True
                live.arrival = asyncio.ensure_future(self._fetch(live, worker, urls, folder))
            else:
                self._send(live, worker, folder, {})
        except (OSError, ValueError) as error:
            return _not_started(live, error)
        return None

    def stop(self, live: Live, worker: str) -> Result | None:
        """Ask the worker to cancel a prediction; return its result where it was not sent yet."""
        if live.arrival is None:
            self._workers[worker].send(wire.Cancel(id=live.id))
            return None
        live.arrival.cancel()
        return Result(status=Status.CANCELED)

    async def _fetch(self, live: Live, worker: str, urls: dict[str, str], folder: Path) -> None:
        """Fetch the input files, holding the slot meanwhile, and send the prediction."""
        try:
            local = await fetch_all(urls, folder, self._around.download)
            self._send(live, worker, folder, local)
        except InputFileError as error:
            self._cannot(live, worker, failed(f"Prediction failed: {error}"))
        except (OSError, ValueError) as error:
            self._cannot(live, worker, _not_started(live, error))
        finally:
            live.arrival = None

    def _send(self, live: Live, worker: str, folder: Path, local: dict[str, Path]) -> None:
        given = for_worker(live.given, self._file_inputs, local)
        self._workers[worker].send(
            wire.Predict(id=live.id, input=given, context=live.context, dir=str(folder))
        )


def _not_started(live: Live, error: Exception) -> Result:
    about = {"prediction_id": live.id}
    _log.error("Cannot start prediction %s", live.id, exc_info=error, extra=about)
    return failed(f"The prediction cannot be started: {type(error).__name__}")
