"""A filesystem as a value: paths to entries. A change makes a new tree.

Paths are relative, with ``/`` between names and no ``.`` or ``..``; every parent of an entry is
an entry. Symbolic links are followed on every lookup, inside the tree, as the daemon does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from posixpath import dirname, normpath

from cog_frontend.gateway.values import MODE_DIR, MODE_SYMLINK

MAX_LINKS = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a directory or a symbolic link; ``mode`` has the bits of Go's io/fs.FileMode."""

    mode: int = 0o644
    data: bytes = b""
    linkname: str = ""
    mtime_ns: int = 0

    @property
    def is_dir(self) -> bool:
        return bool(self.mode & MODE_DIR)


DIR = Entry(MODE_DIR | 0o755)


def symlink(target: str) -> Entry:
    """A symbolic link to ``target``, which may not exist."""
    return Entry(MODE_SYMLINK | 0o777, linkname=target)


class Missing(Exception):
    """No entry at the path; the text is that of Go's os package."""


def clean(path: str) -> str:
    """``/a/./b/`` as ``a/b``; the root as the empty text."""
    return normpath("/" + path).lstrip("/")


def parents(path: str) -> Iterator[str]:
    while path := dirname(path):
        yield path


class Tree:
    """A filesystem; ``tree[path]`` is its entry there, links resolved."""

    def __init__(self, entries: Mapping[str, Entry] | None = None) -> None:
        self.entries = dict(entries or {})

    @classmethod
    def of(cls, files: Mapping[str, bytes | Entry]) -> Tree:
        """A tree of files and their directories."""
        return cls().writing(
            {
                path: Entry(data=each) if isinstance(each, bytes) else each
                for path, each in files.items()
            }
        )

    def writing(self, changes: Mapping[str, Entry]) -> Tree:
        """The same tree with entries added or replaced, and the directories above them."""
        entries = dict(self.entries)
        for path, entry in changes.items():
            target = clean(path)
            for parent in parents(target):
                entries.setdefault(parent, DIR)
            if target:
                entries[target] = entry
        return Tree(entries)

    def without(self, path: str) -> Tree:
        """The same tree without an entry and what is below it."""
        gone = clean(path)
        return Tree({at: each for at, each in self.entries.items() if not _within(gone, at)})

    def under(self, path: str) -> Tree:
        """What is below a directory, as a tree of its own; of a file, the file as its root."""
        root = self.resolve(path)
        if not root:
            return self
        if self.entries[root].data:
            return Tree({"": self.entries[root]})
        below = {at: each for at, each in self.entries.items() if at.startswith(root + "/")}
        return Tree({at[len(root) + 1 :]: each for at, each in below.items()})

    def resolve(self, path: str) -> str:
        """Where ``path`` leads when the links on the way are followed; Missing when nowhere."""
        found, rest, links = "", clean(path).split("/"), 0
        while rest:
            at = clean(f"{found}/{rest.pop(0)}")
            entry = self.entries.get(at)
            if entry is None and at:
                raise Missing(f"open /{clean(path)}: no such file or directory")
            if entry and entry.mode & MODE_SYMLINK:
                links += 1
                if links > MAX_LINKS:
                    raise Missing(f"open /{clean(path)}: too many links")
                base = "" if entry.linkname.startswith("/") else dirname(at)
                rest = clean(f"{base}/{entry.linkname}").split("/") + rest
                found = ""
            else:
                if rest and entry and not entry.is_dir:
                    raise Missing(f"open /{clean(path)}: not a directory")
                found = at
        return found

    def __getitem__(self, path: str) -> Entry:
        at = self.resolve(path)
        return self.entries.get(at, DIR)

    def __contains__(self, path: str) -> bool:
        try:
            self.resolve(path)
        except Missing:
            return False
        return True

    def children(self, path: str) -> dict[str, Entry]:
        """The entries of one directory by name, sorted."""
        below = self.under(path).entries
        return {name: below[name] for name in sorted(below) if "/" not in name}

    def keeping(self, paths: Iterable[str]) -> Tree:
        """Only these entries, and the directories above them."""
        kept = set(paths)
        kept |= {parent for path in kept for parent in parents(path)}
        return Tree({at: each for at, each in self.entries.items() if at in kept})

    @property
    def files(self) -> dict[str, bytes]:
        """The content of every file."""
        return {
            at: each.data
            for at, each in sorted(self.entries.items())
            if not each.mode & (MODE_DIR | MODE_SYMLINK)
        }


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern names ``path`` or a directory above it.

    ``*`` and ``?`` stay within a name, ``**`` crosses ``/``; other characters stand for themselves.
    """
    return any(names(pattern, each) for each in (path, *parents(path)))


def names(pattern: str, path: str) -> bool:
    """Whether a pattern names exactly ``path``."""
    return _expression(clean(pattern)).fullmatch(path) is not None


def excluded(patterns: Iterable[str], path: str) -> bool:
    """Whether ignore patterns leave ``path`` out: the last that matches decides, ``!`` keeps."""
    out = False
    for pattern in patterns:
        if matches(pattern.removeprefix("!"), path):
            out = not pattern.startswith("!")
    return out


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/?|\*|\?)", pattern)
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(wild.get(part, re.escape(part)) for part in parts), re.DOTALL)


def _within(root: str, path: str) -> bool:
    return path == root or path.startswith(root + "/")
