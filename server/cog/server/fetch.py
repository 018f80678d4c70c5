"""Opens URLs on behalf of others: inputs, webhooks and uploads all go through this door.

Each host is looked up once and the connection goes to an address that has been checked, on every
hop of a redirect. Environment proxies are not used: a proxy would look the name up again. Errors
are for clients: they hold nothing of what the other side answered but its status code.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from cog.server.guard import Guard

if TYPE_CHECKING:
    from cog.server.transport import Resolve, Transport

MAX_REDIRECTS = 5

Body = bytes | BinaryIO
"""A file is sent whole, from its beginning."""


class FetchError(Exception):
    """A URL could not be opened, or not to the end; the text is for the client.

    ``retryable``: trying again may help.
    """

    def __init__(self, text: str, *, retryable: bool = False) -> None:
        super().__init__(text)
        self.retryable = retryable


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one exchange: seconds in all, seconds of silence, bytes of the answer."""

    seconds: float
    idle: float = 10.0
    max_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said to what was sent; ``url`` is where it was sent in the end."""

    status: int
    url: str
    location: str | None = None


class Fetcher:
    """The door; see the module's rule. Close it with `aclose`.

    ``resolve`` looks a host up (None: as the system does). What it takes to speak HTTP is imported
    at the first use, off the event loop: most models never open a URL.
    """

    def __init__(self, guard: Guard, user_agent: str, resolve: Resolve | None = None) -> None:
        self._guard = guard
        self._user_agent = user_agent
        self._resolve = resolve
        self._transport: Transport | None = None
        self._importing = asyncio.Lock()

    async def download(self, url: str, target: Path, limits: Limits) -> None:
        """Put the body of an answer of status 200 into a new file; raises FetchError, OSError.

        A file that is not whole is removed.
        """
        transport = await self._ready()
        await _within(transport.download(url, target, limits), limits)

    async def send(
        self, method: str, url: str, body: Body, headers: Mapping[str, str], limits: Limits
    ) -> Answer:
        """Send a body and return the answer, whatever its status; raises FetchError.

        Redirects that keep the method (307, 308) are followed; others are the answer.
        """
        transport = await self._ready()
        return await _within(transport.send(method, url, body, headers, limits), limits)

    async def aclose(self) -> None:
        """Close what is open."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _ready(self) -> Transport:
        async with self._importing:
            if self._transport is None:
                module = await asyncio.to_thread(importlib.import_module, "cog.server.transport")
                self._transport = module.Transport(self._guard, self._user_agent, self._resolve)
        return self._transport


T = TypeVar("T")


async def _within(work: Coroutine[Any, Any, T], limits: Limits) -> T:
    try:
        return await asyncio.wait_for(work, limits.seconds)
    except asyncio.TimeoutError as error:  # not the builtin one before Python 3.11
        raise FetchError(
            f"not complete after {limits.seconds:g} seconds", retryable=True
        ) from error
