"""The git source. Its identifier is the same for every protocol that reaches one repository.

Rules: ``Git`` in BuildKit's client/llb/source.go and util/gitutil/git_url.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from buildkit_llb import _caps as caps
from buildkit_llb._errors import LLBError, check_text
from buildkit_llb._metadata import NO_METADATA, Metadata
from buildkit_llb._paths import join
from buildkit_llb._source import Row, source
from buildkit_llb._state import State

SCHEMES = frozenset({"http", "https", "ssh", "git"})

_SCP_STYLE = r"(?:[a-zA-Z0-9-_]+@)?(?P<host>[a-zA-Z0-9-.]+):(?P<path>.+)"


class _Remote(NamedTuple):
    url: str
    scheme: str
    host: str
    path: str


def git(  # noqa: PLR0913 - keyword-only: one option per attribute of the source
    remote: str,
    *,
    ref: str = "",
    subdir: str = "",
    keep_git_dir: bool = False,
    checksum: str = "",
    auth_token_secret: str = "",
    auth_header_secret: str = "",
    known_ssh_hosts: str = "",
    mount_ssh_sock: str = "",
    skip_submodules: bool = False,
    mtime: Literal["", "checkout", "commit"] = "",
    fetch_by_commit: bool = False,
    metadata: Metadata = NO_METADATA,
) -> State:
    """Load ``subdir`` of a repository at ``ref`` (default: what the remote's HEAD is).

    ``remote`` is a URL, ``host/path`` (https) or ``user@host:path`` (ssh). ``checksum`` is the
    commit that ``ref`` must be. The secrets default to ``GIT_AUTH_TOKEN`` and
    ``GIT_AUTH_HEADER``, used if the client has them. ``known_ssh_hosts`` (the text of such a
    file) and ``mount_ssh_sock`` (an agent's id, default ``default``) are for ssh.
    """
    if mtime not in {"", "checkout", "commit"}:
        raise LLBError(f"git mtime is not checkout or commit: {mtime!r}")
    parsed = _parse(remote)
    rows: list[Row] = [
        ("git.fullurl", parsed.url, caps.SOURCE_GIT_FULL_URL),
        *_secrets(auth_token_secret, auth_header_secret),
        ("git.keepgitdir", "true" if keep_git_dir else "", caps.SOURCE_GIT_KEEP_DIR),
        ("git.checksum", _commit(checksum), caps.SOURCE_GIT_CHECKSUM),
        ("git.skipsubmodules", "true" if skip_submodules else "", caps.SOURCE_GIT_SKIP_SUBMODULES),
        ("git.mtime", mtime, caps.SOURCE_GIT_MTIME),
        ("git.fetchbycommit", "true" if fetch_by_commit else "", caps.SOURCE_GIT_FETCH_BY_COMMIT),
    ]
    needed = {caps.SOURCE_GIT}
    if parsed.scheme == "ssh":
        needed.add(caps.SOURCE_GIT_KNOWN_HOSTS)  # asked for with or without such a text
        rows += [
            ("git.knownsshhosts", known_ssh_hosts, ""),
            ("git.mountsshsock", mount_ssh_sock or "default", caps.SOURCE_GIT_SSH_SOCK),
        ]
    if subdir:
        needed.add(caps.SOURCE_GIT_SUBDIR)  # daemons before v0.10 would load the whole tree
    return source(_identifier(parsed, ref, subdir), rows, needed, metadata=metadata)


def _secrets(token: str, header: str) -> Iterator[Row]:
    """Only secrets that were asked for by name ask the daemon for its cap, as in Go."""
    cap = caps.SOURCE_GIT_HTTP_AUTH if token or header else ""
    yield "git.authtokensecret", token or "GIT_AUTH_TOKEN", cap
    yield "git.authheadersecret", header or "GIT_AUTH_HEADER", cap


def _identifier(remote: _Remote, ref: str, subdir: str) -> str:
    fragment = f"#{ref}" if ref or subdir else ""
    if subdir:
        fragment += f":{subdir}"
    return f"git://{remote.host}{join('/', remote.path)}{fragment}"


def _parse(remote: str) -> _Remote:
    check_text("git remote", remote)
    if "#" in remote:
        raise LLBError(f"git remote has a fragment, give ref and subdir instead: {remote!r}")
    scheme, separator, rest = remote.partition("://")
    if separator:
        return _from_url(remote, scheme.lower(), rest)
    match = re.fullmatch(_SCP_STYLE, remote)
    if match:
        return _Remote(remote, "ssh", match["host"], match["path"])
    return _from_url(f"https://{remote}", "https", remote)


def _from_url(url: str, scheme: str, rest: str) -> _Remote:
    if scheme not in SCHEMES:
        raise LLBError(f"git remote is none of {', '.join(sorted(SCHEMES))}: {url!r}")
    if "?" in rest:
        raise LLBError(f"git remote has a query: {url!r}")
    authority, _, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    if not host or not path.strip("/"):
        raise LLBError(f"git remote names no host and repository: {url!r}")
    return _Remote(url, scheme, host, _decoded(path))


def _decoded(path: str) -> str:
    """Undo percent-encoding, as Go's URL parser does with a path."""
    if not re.fullmatch(r"(?:[^%]|%[0-9a-fA-F]{2})*", path):
        raise LLBError(f"git remote has a broken %-escape: {path!r}")
    if "%" not in path:
        return path
    raw = re.sub(rb"%(..)", lambda match: bytes.fromhex(match[1].decode()), path.encode())
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise LLBError(f"git remote is not UTF-8: {path!r}") from error


def _commit(checksum: str) -> str:
    if checksum.strip("0123456789abcdef"):
        raise LLBError(f"git checksum is not a commit in hex: {checksum!r}")
    return checksum
