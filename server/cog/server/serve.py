"""Puts the process together: settings, worker, application, Granian, signals, and the way out.

Granian runs embedded, in this process's own event loop. Its ordinary server imports the application
in a second process (``multiprocessing`` spawn): one more to hold memory and to be orphaned when its
parent is killed, and ``-I -S`` and the import path would have to survive the way there. Embedded,
one process holds socket, queue and worker, and the worker loads while Litestar is imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import uvloop

from cog import __version__
from cog.server.devices import visible_devices, worker_environments
from cog.server.fetch import Fetcher
from cog.server.files import DataUrls
from cog.server.inputs import downloads_with
from cog.server.keywords import SchemaError
from cog.server.listener import end_stalled
from cog.server.logs import LOGGER, configure_logging
from cog.server.process import Command, WorkerProcess
from cog.server.ready_file import IN_KUBERNETES, ReadyFile
from cog.server.reaper import Reaper
from cog.server.reply import STALLED
from cog.server.schema import InputSchema
from cog.server.scratch import Scratch
from cog.server.service import Service
from cog.server.settings import Settings, SettingsError, load_settings
from cog.server.store import MemoryStore
from cog.server.supervisor import Launch
from cog.server.surroundings import Surroundings
from cog.server.tracing import Tracing, TracingError, load_tracing
from cog.server.upload import upload_to
from cog.server.webhook import Webhooks

if TYPE_CHECKING:
    from granian.server.embed import Server

SCHEMA = Path(".cog", "openapi_schema.json")
"""Where the build puts the OpenAPI document, from the project's folder."""

_BACKLOG = 1024
_CONNECTIONS = 65536
"""Connections that Granian serves at once. Its default is the backlog: that many idle keep-alive
connections would then shut out everyone else. The queue decides who waits, not the socket."""

_GRANIAN_LOG = {"loggers": {"_granian": {"handlers": [], "propagate": True}}}
"""Its errors go where ours go; its own handlers write to stdout."""

_HEADERS = 30  # seconds and
_HEADER_BYTES = 128 * 1024  # bytes for a request's headers to come whole

_LAST_WEBHOOKS = 10.0  # seconds for webhooks to be taken after the last prediction has ended

_FLUSH = 5.0  # seconds for answers to reach slow clients after the last prediction has ended

_log = logging.getLogger(LOGGER)


def run(environ: Mapping[str, str], argv: Sequence[str]) -> int:
    """Serve until told to end; returns the exit status. Mistakes are one line on stderr."""
    try:
        settings = load_settings(environ, argv)
        document = load_document(SCHEMA)
        model = _Model(document, input_schema(settings, document))
        check_port(settings.host, settings.port)
        tracing = load_tracing(environ)
        folder = scratch_folder()
    except (SettingsError, TracingError) as error:
        sys.stderr.write(f"cog: {error}\n")
        return 1
    configure_logging(settings.log_level, settings.log_style, sys.stderr.buffer)
    for warning in settings.warnings:
        _log.warning("%s", warning)
    with folder as scratch:
        process = _Process(settings, Path(scratch), environ, model, tracing)
        return uvloop.run(process.run())


def load_document(path: Path) -> dict[str, object] | None:
    """Return the OpenAPI document, None if there is no file; raises SettingsError."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path} is not an OpenAPI document")
    return document


def input_schema(settings: Settings, document: dict[str, object] | None) -> InputSchema | None:
    """Return the schema of the inputs of this mode; raises SettingsError."""
    if document is None:
        return None
    component = "TrainingInput" if settings.mode == "train" else "Input"
    try:
        return InputSchema(document, component)
    except SchemaError as error:
        raise SettingsError(f"{SCHEMA}: {error}") from error


def check_port(host: str, port: int) -> None:
    """Raise SettingsError if nothing can listen there.

    Granian listens with SO_REUSEPORT: a second server on the port would not fail, it would take
    every other connection.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {host}, port {port}: {error.strerror}"
            ) from error


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder for what predictions write; raises SettingsError."""
    try:
        return tempfile.TemporaryDirectory(prefix="cog-", ignore_cleanup_errors=True)
    except OSError as error:
        raise SettingsError(f"cannot make a temporary folder: {error.strerror}") from error


def launches(settings: Settings, environ: Mapping[str, str], pids: set[int]) -> dict[str, Launch]:
    """Return how to start each worker, by name.

    The interpreter is the one that runs here, the environment as it came but for the GPUs: without
    ``-I -S`` it finds what the user installed. Every worker is its own process from the start:
    forks of one that has touched a GPU cannot use it.
    """
    main = Path(__file__).resolve().parents[1] / "worker" / "__main__.py"
    argv = [sys.executable, str(main), "--ref", settings.ref]
    argv += ["--mode", settings.mode, "--concurrency", str(settings.concurrency)]
    cwd = str(Path.cwd())
    devices = visible_devices(environ) if settings.workers != 1 else ()
    count = settings.workers or max(1, len(devices))
    commands = [
        Command(argv=tuple(argv), cwd=cwd, env=env, pids=pids)
        for env in worker_environments(environ, count, devices)
    ]
    return {
        f"worker-{number}": partial(WorkerProcess.start, command)
        for number, command in enumerate(commands, 1)
    }


def _stop(server: Server) -> None:
    # Granian has no types for it: stop listening, end when the last answer is out.
    stop: Callable[[], None] = server.stop
    stop()


class _Model(NamedTuple):
    document: dict[str, object] | None
    schema: InputSchema | None


class _Process:
    def __init__(
        self,
        settings: Settings,
        scratch: Path,
        environ: Mapping[str, str],
        model: _Model,
        tracing: Tracing | None,
    ) -> None:
        self._settings = settings
        self._model = model
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._pids: set[int] = set()
        outbound = settings.outbound
        self._fetcher = Fetcher(outbound.guard, outbound.user_agent or f"cog/{__version__}")
        self._webhooks = Webhooks(self._fetcher, outbound.webhooks)
        url = outbound.upload_url
        self._surroundings = Surroundings(
            launches=launches(settings, environ, self._pids),
            scratch=Scratch(scratch),
            store=MemoryStore(settings.keep, time.monotonic),
            send_files=upload_to(self._fetcher, url) if url else lambda: DataUrls().send,
            download=downloads_with(self._fetcher),
            now=partial(datetime.now, timezone.utc),
            new_id=lambda: f"pred_{uuid.uuid4().hex}",
            tracing=tracing,
            ready_file=ReadyFile() if environ.get(IN_KUBERNETES) else None,
        )

    async def run(self) -> int:
        service = Service(
            self._surroundings,
            schema=self._model.schema,
            bound=self._settings.bound,
            limits=self._settings.limits,
            policy=self._settings.policy,
        )
        service.start()
        self._watch_signals()
        if os.getpid() == 1:
            Reaper(self._pids).start()
        await asyncio.sleep(0)  # the worker is on its way before the long imports begin
        # Nothing that imports make is garbage; looking for it takes a tenth of their time.
        gc.disable()
        server = self._server(service)
        gc.freeze()
        gc.enable()
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(self._stop.wait())
        stalls = asyncio.create_task(end_stalled(self._settings.port, STALLED))
        _log.info("Listening on %s, port %d", self._settings.host, self._settings.port)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        failed = serving.done()
        if failed:
            _log.error("The HTTP server ended by itself", exc_info=serving.exception())
        service.drain()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), self._settings.drain_delay)
        _stop(server)
        await service.stop(self._settings.drain_timeout, self._hurry)
        await self._webhooks.drain(0 if self._hurry.is_set() else _LAST_WEBHOOKS)
        await self._fetcher.aclose()
        if self._surroundings.tracing is not None:
            await asyncio.to_thread(self._surroundings.tracing.close)
        stopping.cancel()
        stalls.cancel()
        await asyncio.wait({serving}, timeout=_FLUSH)
        if not serving.done():
            _log.warning("Clients are still connected; leaving")
            serving.cancel()
        return 1 if failed else 0

    def _server(self, service: Service) -> Server:
        # Imported here, and not above, so that the worker loads at the same time.
        from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415
        from granian.http import HTTP1Settings  # noqa: PLC0415
        from granian.log import LogLevels  # noqa: PLC0415
        from granian.server.embed import Server  # noqa: PLC0415

        from cog.server.app import Site, create_app  # noqa: PLC0415

        site = Site(
            service=service,
            scratch=self._surroundings.scratch,
            schema=self._model.schema,
            mode=self._settings.mode,
            version=__version__,
            openapi=self._model.document,
            webhooks=self._webhooks,
            doors=self._settings.doors,
            on_shutdown=self._stop.set,
        )
        return Server(
            create_app(site),
            address=self._settings.host,
            port=self._settings.port,
            interface=Interfaces.ASGINL,
            websockets=False,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=_HEADERS * 1000, max_buffer_size=_HEADER_BYTES
            ),
            backlog=_BACKLOG,
            backpressure=_CONNECTIONS,
            log_level=LogLevels.error,
            log_dictconfig=_GRANIAN_LOG,
        )

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._on_signal)
        if self._settings.await_explicit_shutdown:
            loop.add_signal_handler(signal.SIGTERM, _log.info, "SIGTERM is ignored")
        else:
            loop.add_signal_handler(signal.SIGTERM, self._on_signal)

    def _on_signal(self) -> None:
        if self._stop.is_set():
            self._hurry.set()  # told twice: do not wait for running predictions
        self._stop.set()
