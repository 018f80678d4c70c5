"""URLs that stand for a tree: git repositories, files and archives of the web.

Forms: ParseGitRef of BuildKit's frontend/dockerfile/dfgitutil, and DetectHTTPContext of
frontend/dockerui/context.go. Loaded only by builds that have such a URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

import buildkit_llb as llb
from cog_frontend.option_values import OptionError, boolean

# The one file of an HTTP source; the built-in frontend loads the same vertex under that name.
HTTP_FILE = "context"
# As many bytes as tell an archive: the magic of tar stands at 257.
HEAD_BYTES = 1024

_SCHEME = re.compile(r"(?P<scheme>https?|git|ssh)://", re.IGNORECASE)
_SCP = re.compile(r"[\w.-]+@[\w.-]+:(?!//).+", re.ASCII)
_GITHUB = "github.com/"
_COMPRESSED = (b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0")
_TAR_AT, _TAR = 257, b"ustar"

# Names of a git URL's query and the fields they set.
_QUERY = {
    "ref": "ref",
    "branch": "ref",
    "tag": "ref",
    "commit": "checksum",
    "checksum": "checksum",
    "subdir": "subdir",
    "mtime": "mtime",
}
_QUERY_FLAGS = {
    "submodules": "submodules",
    "keep-git-dir": "keep_git_dir",
    "fetch-by-commit": "fetch_by_commit",
}
_REF_PREFIX = {"branch": "refs/heads/", "tag": "refs/tags/"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """A tree of a repository; ``subdir`` is the folder of it that is meant."""

    url: str
    ref: str = ""
    subdir: str = ""
    checksum: str = ""
    submodules: bool = True
    keep_git_dir: bool = False
    fetch_by_commit: bool = False
    mtime: str = ""

    def state(self, name: str) -> llb.State:
        """Return the tree as a source; ``name`` is the row that progress shows."""
        return llb.git(
            self.url,
            ref=self.ref,
            subdir=self.subdir,
            keep_git_dir=self.keep_git_dir,
            checksum=self.checksum,
            skip_submodules=not self.submodules,
            fetch_by_commit=self.fetch_by_commit,
            mtime=self.mtime,  # type: ignore[arg-type]  # llb.git judges the text
            metadata=llb.Metadata(name=name),
        )


@dataclass(frozen=True, slots=True)
class Http:
    """One file of the web: an archive of the tree, or the tree's only file."""

    url: str

    def state(self, name: str) -> llb.State:
        """Return a tree with the file ``context`` in it."""
        return llb.http(self.url, filename=HTTP_FILE, metadata=llb.Metadata(name=name))


def parse_remote(
    key: str, text: str, *, keep_git_dir: bool = False, epoch: bool = False
) -> Git | Http | None:
    """Return what a URL means, None for what is no URL; ``key`` is the option it stands in.

    ``keep_git_dir`` and ``epoch`` (files get the time of their commit) hold where the URL does not
    say. Raises ``OptionError``.
    """
    scheme = _SCHEME.match(text)
    address, query, fragment = _split(text)
    if scheme and scheme["scheme"].lower().startswith("http") and not address.endswith(".git"):
        return Http(text)
    if not (scheme or _SCP.fullmatch(text) or text.startswith(_GITHUB)):
        return None
    git = _with_query(key, Git(url=address, keep_git_dir=keep_git_dir), query)
    git = _with_fragment(key, git, fragment)
    return replace(git, mtime=git.mtime or ("commit" if epoch else ""))


def _split(text: str) -> tuple[str, str, str]:
    before, _, fragment = text.partition("#")
    address, _, query = before.partition("?")
    return address, query, fragment


def _with_query(key: str, git: Git, query: str) -> Git:
    values: dict[str, str | bool] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in _QUERY:
            field, text = _QUERY[name], _REF_PREFIX.get(name, "") + value
            if values.get(field, text) != text:
                raise OptionError(f"option {key}: the URL has two values of {name}")
            values[field] = text
        elif name in _QUERY_FLAGS:
            values[_QUERY_FLAGS[name]] = not value or boolean(f"{key}: {name}", value)
        else:
            known = ", ".join((*_QUERY, *_QUERY_FLAGS))
            raise OptionError(f"option {key}: {name!r} means nothing in a git URL ({known})")
    return replace(git, **values)  # type: ignore[arg-type]  # by field


def _with_fragment(key: str, git: Git, fragment: str) -> Git:
    ref, _, subdir = fragment.partition(":")
    for name, given, present in (("ref", ref, git.ref), ("subdir", subdir, git.subdir)):
        if given and present and given != present:
            raise OptionError(f"option {key}: the URL has two values of {name}")
    return replace(git, ref=git.ref or ref, subdir=git.subdir or subdir.strip("/"))


def is_archive(head: bytes) -> bool:
    """Whether a file that starts with ``head`` is an archive that BuildKit unpacks."""
    return head.startswith(_COMPRESSED) or head[_TAR_AT:].startswith(_TAR)


def unpacked(file: llb.State) -> llb.State:
    """Return the tree in the archive that is the one file of a source."""
    action = llb.copy(file, f"/{HTTP_FILE}", "/", unpack=True)
    return llb.scratch().file(action, metadata=llb.Metadata(name="[internal] unpack the context"))
