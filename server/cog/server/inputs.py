"""Inputs that are files: what has to be fetched, and how they go to the worker.

The server opens the URLs of clients, never the worker: it hands files over by path, in the
prediction's own folder. ``data:`` URLs go as they are, since the worker only has to decode them.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from pathlib import Path

from cog import wire
from cog._url import url_name
from cog.server.fetch import Fetcher, FetchError, Limits

LIMITS = Limits(seconds=600, idle=10, max_bytes=10 * 1024**3)
"""Of one input file."""

_AT_ONCE = 8  # downloads of one prediction, as in Cog

Download = Callable[[str, Path], Awaitable[None]]
"""Puts what is behind a URL into a new file; raises FetchError or OSError."""


class InputFileError(Exception):
    """An input file cannot be had; the text is for the client and names the input."""


class Upload(str):
    """Stands in an input for a file that came with the request.

    It reads ``upload:<name>#<digest>``, so that requests with other files are other requests.
    """

    __slots__ = ("path",)
    path: Path

    def __new__(cls, path: Path, digest: str) -> Upload:
        """Stand for the file at ``path``."""
        self = super().__new__(cls, f"upload:{path.name}#{digest}")
        self.path = path
        return self


def downloads_with(fetcher: Fetcher) -> Download:
    """Return what downloads input files through the guarded fetcher."""

    async def download(url: str, target: Path) -> None:
        await fetcher.download(url, target, LIMITS)

    return download


def urls_in(given: Mapping[str, object], files: Collection[str]) -> dict[str, str]:
    """Return the http(s) URLs in those inputs that are ``files``, each with its input's name."""
    return {
        url: name
        for name in files
        if name in given
        for url in _texts(given[name])
        if url[:8].lower().startswith(("http://", "https://"))
    }


async def fetch_all(urls: Mapping[str, str], folder: Path, download: Download) -> dict[str, Path]:
    """Return local copies of URLs, each in a folder of its own; raises InputFileError, OSError.

    The first that fails ends the others.
    """
    gate = asyncio.Semaphore(_AT_ONCE)

    async def fetch(url: str, name: str) -> Path:
        async with gate:
            target = Path(tempfile.mkdtemp(prefix="input-", dir=folder)) / url_name(url)
            try:
                await download(url, target)
            except FetchError as error:
                raise InputFileError(f"input {name!r}: {error}") from error
        return target

    tasks = [asyncio.ensure_future(fetch(url, name)) for url, name in urls.items()]
    try:
        return dict(zip(urls, await asyncio.gather(*tasks), strict=True))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def for_worker(
    given: Mapping[str, object], files: Collection[str], local: Mapping[str, Path]
) -> dict[str, object]:
    """Return an input as it goes on the wire, with ``local`` copies in place of their URLs."""

    def encoded(value: object) -> object:
        if isinstance(value, Upload):
            return wire.file_value(str(value.path))
        if isinstance(value, str) and value in local:
            return wire.file_value(str(local[value]))
        if isinstance(value, list):
            return [encoded(item) for item in value]
        return wire.escape(value)

    return {
        wire.escape_key(name): encoded(value) if name in files else wire.escape(value)
        for name, value in given.items()
    }


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
