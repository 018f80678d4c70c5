"""The git source. Its identifier is the same for every protocol that reaches one repository.

Rules: ``Git`` in BuildKit's client/llb/source.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from buildkit_llb import _caps as caps
from buildkit_llb._errors import LLBError, check_text
from buildkit_llb._git_url import Remote, parse_remote
from buildkit_llb._metadata import NO_METADATA, Metadata
from buildkit_llb._paths import join
from buildkit_llb._source import Row, leaf
from buildkit_llb._state import State


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
    file) and ``mount_ssh_sock`` (an agent's id, default ``default``) are for ssh. ``mtime`` is
    the time that files get: of the checkout, or of the ``commit``. Raises LLBError for a remote
    of another protocol, or with a query or fragment, and for a ref that git could not mean.
    """
    if mtime not in {"", "checkout", "commit"}:
        raise LLBError(f"git mtime is not checkout or commit: {mtime!r}")
    parsed = parse_remote(remote)
    _check_ref(ref)
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
            ("git.knownsshhosts", _lines(known_ssh_hosts), ""),
            ("git.mountsshsock", mount_ssh_sock or "default", caps.SOURCE_GIT_SSH_SOCK),
        ]
    if subdir:
        needed.add(caps.SOURCE_GIT_SUBDIR)  # daemons before v0.10 would load the whole tree
    return leaf(_identifier(parsed, ref, subdir), rows, needed, metadata=metadata)


def _secrets(token: str, header: str) -> Iterator[Row]:
    """Only secrets that were asked for by name ask the daemon for its cap, as in Go."""
    cap = caps.SOURCE_GIT_HTTP_AUTH if token or header else ""
    yield "git.authtokensecret", token or "GIT_AUTH_TOKEN", cap
    yield "git.authheadersecret", header or "GIT_AUTH_HEADER", cap


def _identifier(remote: Remote, ref: str, subdir: str) -> str:
    fragment = f"#{ref}" if ref or subdir else ""
    if subdir:
        fragment += f":{subdir}"
    return f"git://{remote.host}{join('/', remote.path)}{fragment}"


def _check_ref(ref: str) -> None:
    """Refuse what is an option to git, or what the daemon would read as another ref.

    Rules: ``validateGitRef`` in source/git/source.go, ``parseOpts`` in util/gitutil/git_url.go.
    """
    check_text("git ref", ref, empty=True)
    if ref.startswith("-") or ":" in ref:
        raise LLBError(f"git ref starts with '-' or has ':' in it: {ref!r}")


def _lines(text: str) -> str:
    """Return ``text`` with one line end at its end, as Go does: each call adds a line."""
    return text.removesuffix("\n") + "\n" if text else ""


def _commit(checksum: str) -> str:
    if checksum.strip("0123456789abcdef"):
        raise LLBError(f"git checksum is not a commit in hex: {checksum!r}")
    return checksum
