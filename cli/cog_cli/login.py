"""Logging in to a registry: who and with what secret; Docker checks and keeps it.

Replicate's registry gives tokens away at a page that it names, and says whose a token is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from cog_cli.errors import CliError, UsageProblem

REPLICATE = "r8.im"
VARIABLE = "COG_REGISTRY_HOST"
# How tokens of the API begin, which the registry does not take.
_OF_THE_API = "r8_"

Fetch = Callable[[str, bytes | None], tuple[int, bytes]]
"""Gets a URL, or posts a form to it; its status and body. OSError where nothing answers."""


def is_replicate(host: str) -> bool:
    """Whether the registry is Replicate's, whose tokens name their owner."""
    return host == REPLICATE or host.endswith(f".{REPLICATE}")


def registry_host(text: str) -> str:
    """Return the registry that was named, without a scheme; UsageProblem when it is no host."""
    host = text.removeprefix("https://").removeprefix("http://").rstrip("/")
    if not host or host.startswith("-") or any(c.isspace() for c in host):
        raise UsageProblem(f"'{text}' is no registry")
    return host


def token_page(host: str, fetch: Fetch) -> str:
    """Return the page at which a person finds a token for Replicate's registry."""
    return str(_asked(fetch, f"https://{host}/cog/v1/display-token-url", None).get("url") or "")


def owner_of(host: str, token: str, fetch: Fetch) -> str:
    """Return the user whose token it is; CliError where the registry does not know it."""
    if token.startswith(_OF_THE_API):
        page = token_page(host, fetch)
        raise UsageProblem(f"this is a token of Replicate's API; the registry's is at {page}")
    form = urlencode({"token": token}).encode()
    answer = _asked(fetch, f"https://{host}/cog/v1/verify-token", form)
    if not answer.get("username"):
        raise CliError(f"{host} does not know this token")
    return str(answer["username"])


def _asked(fetch: Fetch, url: str, form: bytes | None) -> dict[str, Any]:
    try:
        status, body = fetch(url, form)
    except OSError as error:
        raise CliError(f"{url} does not answer: {error}") from error
    if status == 404 and form is not None:
        return {}
    try:
        answer = json.loads(body) if status == 200 else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise CliError(f"{url} gave no answer that can be used (HTTP {status})")
    return answer
