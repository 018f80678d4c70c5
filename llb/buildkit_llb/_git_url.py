"""URLs of git repositories, read and written as Go's net/url does: ops carry the result.

Rules: BuildKit's util/gitutil/git_url.go and util/sshutil/scpurl.go; Go's net/url.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from buildkit_llb._errors import LLBError, check_text

SCHEMES = frozenset({"http", "https", "ssh", "git"})

_SCP_STYLE = r"(?:[a-zA-Z0-9-_]+@)(?P<host>[a-zA-Z0-9-.]+):(?P<path>.+)"
_AUTHORITY = (
    r"(?:(?P<user>[\w.~!$&'()*+,;=%-]*)(?::(?P<password>[\w.:~!$&'()*+,;=%@-]*))?@)?"
    r"(?P<host>\[[0-9a-fA-F:.]+\]|[^][:@\\ <>\"^`{|}%/]+)(?P<port>:[0-9]*)?"
)
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
_IN_PATH = _UNRESERVED + b"$&+,/:;=@"
_IN_USER = _UNRESERVED + b"$&+,;="
_IN_HOST = _UNRESERVED + b"!$&'()*+,;=:[]"
# A path of nothing else is left as it is written.
_ESCAPED_PATH = r"(?:[\w.~$&+,/:;=@!'()*\[\]-]|%[0-9a-fA-F]{2})*"


class Remote(NamedTuple):
    """A repository: the URL for git, and its parts with escapes undone."""

    url: str
    scheme: str
    host: str
    path: str


def parse_remote(remote: str) -> Remote:
    """Read a URL, ``host/path`` (https) or ``user@host:path`` (ssh). Raises LLBError."""
    check_text("git remote", remote)
    if "#" in remote:
        raise LLBError(f"git remote has a fragment, give ref and subdir instead: {remote!r}")
    if "?" in remote:
        raise LLBError(f"git remote has a query: {remote!r}")
    scheme, separator, rest = remote.partition("://")
    if separator:
        return _from_url(remote, scheme.lower(), rest)
    if match := re.fullmatch(_SCP_STYLE, remote):
        return Remote(remote, "ssh", match["host"], match["path"])
    return _from_url(remote, "https", remote)


def _from_url(remote: str, scheme: str, rest: str) -> Remote:
    if scheme not in SCHEMES:
        raise LLBError(f"git remote is none of {', '.join(sorted(SCHEMES))}: {remote!r}")
    authority, _, path = rest.partition("/")
    match = re.fullmatch(_AUTHORITY, authority, re.ASCII)
    if match is None or not path.strip("/"):
        raise LLBError(f"git remote names no host and repository: {remote!r}")
    given = f"/{path}"
    plain = _unescaped(given)
    kept = re.fullmatch(_ESCAPED_PATH, given, re.ASCII)
    written = given if kept else _escaped(plain, _IN_PATH)
    port = match["port"] or ""
    host = _escaped(match["host"], _IN_HOST) + port
    return Remote(f"{scheme}://{_user(match)}{host}{written}", scheme, match["host"] + port, plain)


def _user(match: re.Match[str]) -> str:
    if match["user"] is None:
        return ""
    user = _escaped(_unescaped(match["user"]), _IN_USER)
    if match["password"] is None:
        return f"{user}@"
    return f"{user}:{_escaped(_unescaped(match['password']), _IN_USER)}@"


def _escaped(text: str, kept: bytes) -> str:
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in text.encode())


def _unescaped(text: str) -> str:
    if not re.fullmatch(r"(?:[^%]|%[0-9a-fA-F]{2})*", text, re.DOTALL):
        raise LLBError(f"git remote has a broken %-escape: {text!r}")
    raw = re.sub(rb"%(..)", lambda match: bytes.fromhex(match[1].decode()), text.encode())
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise LLBError(f"git remote is not UTF-8: {text!r}") from error
