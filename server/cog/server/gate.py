"""Who may come in: the check in front of every route, before anything of a request is read."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from cog.server.reply import Reply, problem, send_reply

OPEN = frozenset({"/health-check", "/livez", "/readyz", "/startupz"})
"""Paths that need no token: what watches a container from outside has none."""

MAX_HEADERS = 100
"""Header lines of a request; Granian bounds their size."""

_SAFE = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Whom to let in.

    ``tokens``: one of them is needed; empty: none is. ``hosts``: names by which the server may be
    called; empty: any. ``client_header``: the header in which a trusted proxy says who the client
    is; empty: there is none.
    """

    tokens: tuple[str, ...] = ()
    hosts: frozenset[str] = frozenset()
    client_header: str = ""


def load_doors(environ: Mapping[str, str], host: str) -> Doors:
    """Return what COG_AUTH_TOKEN, COG_ALLOWED_HOSTS and COG_CLIENT_HEADER say.

    A server that listens on this machine alone (``host``) has only this machine's names: otherwise
    a page in a browser could let its own name lead here and speak to the server as its own.
    """
    tokens = tuple(filter(None, re.split(r"[\s,]+", environ.get("COG_AUTH_TOKEN", ""))))
    names = filter(None, re.split(r"[\s,]+", environ.get("COG_ALLOWED_HOSTS", "").lower()))
    hosts = frozenset(names)
    if not hosts and _is_here(host):
        hosts = frozenset({"localhost"})
    header = environ.get("COG_CLIENT_HEADER", "").strip().lower()
    return Doors(tokens=tokens, hosts=hosts - {"*"}, client_header=header)


class Gate:
    """Lets requests through to the application behind it, or answers them itself."""

    def __init__(self, inside: ASGIApp, doors: Doors) -> None:
        self._inside = inside
        self._doors = doors
        self._tokens = [token.encode() for token in doors.tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        refusal = None if is_lifespan(scope) else self._refusal(cast("HTTPScope", scope))
        if refusal is None:
            await self._inside(scope, receive, send)
        else:
            await send_reply(send, refusal)

    def _refusal(self, scope: HTTPScope) -> Reply | None:
        lines = list(scope["headers"])
        headers = dict(lines)
        if len(lines) > MAX_HEADERS:
            return problem(431, f"more than {MAX_HEADERS} header lines")
        host = host_name(headers.get(b"host", b"").decode("latin-1"))
        if host and self._doors.hosts and not self._knows(host):
            return problem(421, "this server is not called by this name, see COG_ALLOWED_HOSTS")
        if scope["method"] not in _SAFE and self._from_elsewhere(headers, host):
            return problem(403, "requests of pages of other sites are not answered")
        if self._tokens and scope["path"] not in OPEN and not self._has_token(headers):
            challenge = (b"www-authenticate", b'Bearer realm="cog"')
            return problem(401, "a bearer token is needed", (challenge,))
        return None

    def _knows(self, host: str) -> bool:
        return host in self._doors.hosts or _is_here(host)

    def _from_elsewhere(self, headers: Mapping[bytes, bytes], host: str) -> bool:
        """Say whether a browser sends this for a page of another site.

        Browsers put ``Origin`` on every request that changes something. Without a token the page
        must also have been asked for by a name nobody can take over: an address, this machine's or
        a configured one.
        """
        if headers.get(b"sec-fetch-site") == b"cross-site":
            return True
        if (origin := headers.get(b"origin")) is None:
            return False
        if host_name(origin.decode("latin-1").partition("://")[2]) != host:
            return True
        return not (self._tokens or self._knows(host) or _is_address(host))

    def _has_token(self, headers: Mapping[bytes, bytes]) -> bool:
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer":
            return False
        # All are compared, each in constant time, so that time tells nothing.
        return sum(hmac.compare_digest(given.strip(), token) for token in self._tokens) > 0


def is_lifespan(scope: Scope) -> bool:
    """Say whether this is the server's own start and stop, and no request."""
    return str(scope["type"]) == "lifespan"


def client_of(scope: HTTPScope, doors: Doors) -> str:
    """Return whom a request comes from, for fairness: a header, a token or an address."""
    if doors.client_header:
        name = doors.client_header.encode()
        for header, value in scope["headers"]:
            if header == name:
                return f"header:{value[:256].decode('latin-1')}"
    if len(doors.tokens) > 1:
        for header, value in scope["headers"]:
            if header == b"authorization":
                return f"token:{blake2b(value, digest_size=8).hexdigest()}"
    client = scope["client"]
    return client[0] if client else ""


def host_name(host: str) -> str:
    """Return the name in a Host header or in what follows ``://``, without its port."""
    host = host.strip().lower().split("/", 1)[0]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


@lru_cache(maxsize=16)  # clients call one server by few names, and parsing an address is slow
def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
