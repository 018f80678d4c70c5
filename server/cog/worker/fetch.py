"""Inputs that are URLs, as local files.

A client's http(s) URL is opened by the server, which hands over a file; only the author's own, the
default of an input, is opened here.
"""

from __future__ import annotations

# Two of these are for cog._url, which imports them when it needs them. Loaded now, before the
# project's folder is on the import path: a module of the project's called "http" or "email" must
# not get in when the first URL comes.
import mimetypes  # noqa: F401
import tempfile
import time
import urllib.request  # noqa: F401
from collections.abc import Callable

from cog import Path as CogPath
from cog._url import open_url, url_name

MAX_BYTES = 10 * 1024**3
"""Bytes of one input file."""

MAX_SECONDS = 600.0
"""Seconds for one input file, beside `cog._url.OPEN_TIMEOUT` for each wait."""

_CHUNK = 1024 * 1024


class Fetcher:
    """Makes local files in a directory, each in a folder of its own so that names stay as they are.

    ``clock`` gives seconds.
    """

    def __init__(
        self, directory: str, user_agent: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = directory
        self.used = False  # whether there is anything in it
        self._user_agent = user_agent
        self._clock = clock

    def unpack(self, url: str) -> CogPath:
        """Return a local copy of a client's URL, which must be a data URL; raises ValueError."""
        if url[:5].lower() != "data:":
            raise ValueError("the URL was not fetched: only the server opens a client's URL")
        return self.fetch(url)

    def fetch(self, url: str, max_bytes: int = MAX_BYTES) -> CogPath:
        """Return a local copy of a data or http(s) URL.

        Raises OSError where it cannot be had, ValueError where it is broken or beyond the limits.
        """
        deadline = self._clock() + MAX_SECONDS
        with open_url(url, user_agent=self._user_agent) as source:
            target = self._new_file(url_name(url))
            size = 0
            with target.open("xb") as file:
                while chunk := source.read(_CHUNK):
                    size += len(chunk)
                    if size > max_bytes:
                        raise ValueError(f"larger than {max_bytes} bytes")
                    if self._clock() > deadline:
                        raise ValueError(f"not complete after {MAX_SECONDS:g} seconds")
                    file.write(chunk)
        return target

    def _new_file(self, name: str) -> CogPath:
        self.used = True
        return CogPath(tempfile.mkdtemp(prefix="input-", dir=self._directory)) / name
