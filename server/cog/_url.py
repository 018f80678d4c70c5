"""URLs as bytes: data URLs (RFC 2397) and http(s).

This opens whatever the author of a handler asks for. URLs that come from a client go through the
server's own checks before they get here.
"""

from __future__ import annotations

import base64
import binascii
import io
import os.path
from typing import IO, cast
from urllib.parse import unquote, unquote_to_bytes, urlsplit

OPEN_TIMEOUT = 10.0
"""Seconds to connect, and for each read thereafter; Cog's ``URLFile`` waits as long."""

MAX_NAME = 200
"""Bytes of a file name taken from a URL; Linux allows 255, and temporary names add a prefix."""


def is_url(value: object) -> bool:
    """Say whether a value is text that Cog takes for a file: an http(s) or data URL."""
    return isinstance(value, str) and value[:8].lower().startswith(("http://", "https://", "data:"))


def parse_data_url(url: str) -> tuple[str, bytes]:
    """Return the media type (default "text/plain") and the content of a data URL.

    Raises ValueError where it has no comma or its base64 is broken.
    """
    head, comma, body = url[len("data:") :].partition(",")
    if not comma:
        raise ValueError("data URL without a comma")
    media, *parameters = [part.strip() for part in head.split(";")]
    content = unquote_to_bytes(body)
    if parameters and parameters[-1].lower() == "base64":
        try:
            content = base64.b64decode(b"".join(content.split()), validate=True)
        except binascii.Error as error:
            raise ValueError(f"data URL with broken base64: {error}") from error
    return media.lower() or "text/plain", content


def url_name(url: str) -> str:
    """Return a safe file name for a URL: its last path segment, cut to `MAX_NAME` bytes.

    The end is kept, since that is where the suffix is. A data URL gives "file" and the usual suffix
    of its media type; a URL without a path gives "file".
    """
    if url[:5].lower() == "data:":
        from mimetypes import guess_extension  # noqa: PLC0415 - see open_url

        media = url[5:].partition(",")[0].partition(";")[0].strip().lower() or "text/plain"
        return "file" + (guess_extension(media) or "")
    name = os.path.basename(unquote(urlsplit(url).path, errors="replace"))  # noqa: PTH119 - not a path here
    return safe_name(name)


def safe_name(name: str) -> str:
    """Return a file name made of another: printable, no path, its end cut to `MAX_NAME` bytes."""
    name = "".join(char for char in name if char.isprintable() and char != "/").strip()
    kept = name.encode("utf-8", "ignore")[-MAX_NAME:].decode("utf-8", "ignore")
    return kept if kept.strip(".") else "file"


def open_url(url: str, *, user_agent: str = "", timeout: float = OPEN_TIMEOUT) -> IO[bytes]:
    """Open a data or http(s) URL for reading; follows redirects, to http(s) only.

    ``timeout`` is in seconds, for connecting and for each read. Raises ValueError for other schemes
    and broken data URLs, OSError for everything that goes wrong on the network.
    """
    if not is_url(url):
        raise ValueError(f"not an http(s) or data URL: {url!r:.100}")
    if url[:5].lower() == "data:":
        return io.BytesIO(parse_data_url(url)[1])
    # Imported here because the HTTP process imports cog for its protocol and never opens a URL so.
    from urllib import request  # noqa: PLC0415

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.HTTPHandler,
        request.HTTPSHandler,
        request.HTTPDefaultErrorHandler,
        request.HTTPRedirectHandler,
        request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    headers = {"User-Agent": user_agent} if user_agent else {}
    response = opener.open(request.Request(url, headers=headers), timeout=timeout)  # noqa: S310 - checked above
    return cast("IO[bytes]", response)
