"""Sends output files to the operator's storage (``--upload-url``) and gives their URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from cog.server.fetch import Answer, Fetcher, FetchError, Limits
from cog.server.files import File, OutputFileError, media_type, open_file, shown_name
from cog.server.outputs import SendFile

ATTEMPTS = 3
"""How often one file is tried; Cog tries once."""

_LIMITS = Limits(seconds=600, idle=25)  # Cog's 25 seconds, of silence here: files may be large
_RETRIED = {429, 500, 502, 503, 504}
_FIRST_DELAY = 0.2  # seconds, doubled each time


def upload_to(fetcher: Fetcher, url: str) -> Callable[[], SendFile]:
    """Return what makes the upload of one prediction's files to ``url``.

    Each file is PUT to ``url/<name>``; a name that this prediction has used gets a number, so that
    no file overwrites another. The file's URL is that of the ``Location`` header, else the one it
    was sent to, without its query (which may hold a signature).
    """

    def begin() -> SendFile:
        used: set[str] = set()

        async def send(file: File, folder: Path) -> str:
            name = _unused(shown_name(file), used)
            return await _put(fetcher, f"{url.rstrip('/')}/{quote(name)}", file, folder)

        return send

    return begin


async def _put(fetcher: Fetcher, url: str, file: File, folder: Path) -> str:
    name = shown_name(file)
    headers = {"content-type": media_type(file)}
    why = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(_FIRST_DELAY * 2 ** (attempt - 1))
        with open_file(file, folder) as content:
            try:
                said = await fetcher.send("PUT", url, content, headers, _LIMITS)
            except FetchError as error:
                why, again = str(error), error.retryable
            else:
                if 200 <= said.status < 300:
                    return _url_of(said)
                why, again = f"status {said.status}", said.status in _RETRIED
        if not again:
            break
    raise OutputFileError(f"cannot upload the output file {name!r}: {why}")


def _url_of(said: Answer) -> str:
    url = urlsplit(urljoin(said.url, said.location) if said.location else said.url)
    return urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, "", ""))


def _unused(name: str, used: set[str]) -> str:
    stem, suffix = Path(name).stem, Path(name).suffix
    found, number = name, 1
    while found in used:
        number += 1
        found = f"{stem}-{number}{suffix}"
    used.add(found)
    return found
