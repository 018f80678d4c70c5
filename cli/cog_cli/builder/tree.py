"""A folder as BuildKit's client walks it: which entries there are, in which order, as what.

Rules: tonistiigi/fsutil's ``filter.go``, ``followlinks.go`` and ``stat_unix.go``. Owners are left
out, as buildx does, so that an image does not depend on who builds it.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cog_frontend.patterns import Matcher, Verdict, has_wildcard, parse

# Go's os.FileMode bits (io/fs), which the protocol carries.
_GO_TYPES = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
}
_GO_BITS = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}
GO_DIRECTORY = 1 << 31
GO_SYMLINK = 1 << 27
GO_IRREGULAR = 0x8F280000
"""Every type bit: a file without one of them has content to send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file, folder or link; ``mode`` in Go's bits, ``modified`` in nanoseconds."""

    path: str
    mode: int
    modified: int
    size: int = 0
    link: str = ""
    device: tuple[int, int] = (0, 0)
    attributes: dict[str, bytes] = field(default_factory=dict)

    @property
    def is_file(self) -> bool:
        """Whether there is content to send for it: hard links to an earlier entry have none."""
        return not self.mode & GO_IRREGULAR and not self.link


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries are wanted: all, or those of ``include`` and ``follow``; never ``exclude``."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow: tuple[str, ...] | None = None


def walk(root: Path, wanted: Filter) -> Iterator[Entry]:
    """Yield the wanted entries below ``root``, folders before their content, names in byte order.

    Sockets are left out. OSError for what cannot be read, PatternError for a bad pattern.
    """
    include = list(wanted.include)
    if wanted.follow is not None:
        targets = follow_links(root, wanted.follow)
        # The root itself is wanted: then everything is.
        include = _without_nested([*include, *targets]) if targets is not None else []
    yield from _Walk(root, include, wanted.exclude).entries()


class _Walk:
    def __init__(self, root: Path, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._root = root
        self._include = Matcher(include) if include else None
        self._exclude = Matcher(exclude) if exclude else None
        self._first_names: dict[tuple[int, int], str] = {}
        self._unsent: list[tuple[os.DirEntry[str], str]] = []
        """Folders on the way to where the walk is that are not wanted for themselves."""

    def entries(self) -> Iterator[Entry]:
        yield from self._folder(os.fspath(self._root), "", None, None)

    def _folder(
        self, folder: str, prefix: str, included: Verdict | None, excluded: Verdict | None
    ) -> Iterator[Entry]:
        with os.scandir(folder) as found:
            children = sorted(found, key=lambda each: os.fsencode(each.name))
        for child in children:
            path = prefix + child.name
            include = self._include.judge(path, included) if self._include else None
            exclude = self._exclude.judge(path, excluded) if self._exclude else None
            out = bool(exclude and exclude.matched) or bool(include and not include.matched)
            if not out:
                yield from self._send(child, path)
            if child.is_dir(follow_symlinks=False) and not (
                out and self._is_hopeless(path, exclude)
            ):
                if out:
                    self._unsent.append((child, path))
                yield from self._folder(child.path, f"{path}/", include, exclude)
                if self._unsent and self._unsent[-1] == (child, path):
                    self._unsent.pop()

    def _send(self, child: os.DirEntry[str], path: str) -> Iterator[Entry]:
        """The entry, after the unwanted folders it is in."""
        wanted = [*self._unsent, (child, path)]
        self._unsent.clear()
        for each in wanted:
            entry = self._entry(*each)
            if entry is not None:
                yield entry

    def _is_hopeless(self, path: str, exclude: Verdict | None) -> bool:
        """Whether nothing in an unwanted folder can be wanted, so that it need not be read."""
        if self._exclude and exclude and exclude.matched:
            return not self._exclude.may_match_within(path, excepts=True)
        return self._include is not None and not self._include.may_match_within(path, excepts=False)

    def _entry(self, child: os.DirEntry[str], path: str) -> Entry | None:
        found = child.stat(follow_symlinks=False)
        kind = stat.S_IFMT(found.st_mode)
        if kind == stat.S_IFSOCK:
            return None
        size, link = 0, ""
        if kind == stat.S_IFLNK:
            link = os.fspath(Path(child.path).readlink())
            size = found.st_size
        elif kind == stat.S_IFREG:
            link = self._first_name(found, path)
            size = 0 if link else found.st_size
        special = kind in {stat.S_IFBLK, stat.S_IFCHR}
        return Entry(
            path=path,
            mode=go_mode(found.st_mode),
            modified=found.st_mtime_ns,
            size=size,
            link=link,
            device=(os.major(found.st_rdev), os.minor(found.st_rdev)) if special else (0, 0),
            attributes=_attributes(child.path),
        )

    def _first_name(self, found: os.stat_result, path: str) -> str:
        """The earlier name of the same file, empty where there is none."""
        if found.st_nlink < 2:
            return ""
        first = self._first_names.setdefault((found.st_dev, found.st_ino), path)
        return "" if first == path else first


def go_mode(mode: int) -> int:
    """A mode of stat(2) as Go's ``os.FileMode``."""
    bits = sum(bit for ours, bit in _GO_BITS.items() if mode & ours)
    return _GO_TYPES.get(stat.S_IFMT(mode), 0) | bits | mode & 0o777


def unix_mode(mode: int) -> int:
    """The permission bits of a Go ``os.FileMode``, set-id and sticky bits among them."""
    return mode & 0o777 | sum(ours for ours, bit in _GO_BITS.items() if mode & bit)


def _attributes(path: str) -> dict[str, bytes]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    except (OSError, AttributeError):  # no such thing on this filesystem, or system
        return {}


def follow_links(root: Path, paths: Sequence[str]) -> list[str] | None:
    """The paths and what they lead to inside ``root``, sorted; None when that is all of it."""
    found: set[str] = set()
    for path in paths:
        _follow(root, path, found)
    return None if "." in found else _without_nested(found)


def _without_nested(paths: Sequence[str] | set[str]) -> list[str]:
    kept: list[str] = []
    for path in sorted(paths):
        if not kept or not path.startswith(f"{kept[-1]}/"):
            kept.append(path)
    return kept


def _follow(root: Path, path: str, found: set[str]) -> None:
    """Add the path, and where each link on its way leads."""
    rest = posixpath.normpath(posixpath.join("/", path)).lstrip("/")
    current = "."
    while True:
        part, _, rest = rest.partition("/")
        current = posixpath.normpath(posixpath.join(current, part))
        targets = _targets(root, current)
        if (not rest or targets) and current in found:
            return
        if targets or not rest:
            found.add(current)
            for target in targets:
                _follow(root, posixpath.join(target, rest), found)
            return


def _targets(root: Path, path: str) -> list[str]:
    """Where a link leads; for a pattern, where all links that match it lead."""
    folder, name = posixpath.split(path)
    if not has_wildcard(name):
        return _target(root, path)
    pattern = parse(name)
    assert pattern is not None
    try:
        names = sorted(child.name for child in (root / folder).iterdir())
    except OSError:
        return []
    matching = (each for each in names if pattern.match(each))
    return [target for each in matching for target in _target(root, posixpath.join(folder, each))]


def _target(root: Path, path: str) -> list[str]:
    try:
        link = os.fspath((root / path).readlink())
    except OSError:  # no link, or nothing at all
        return []
    return [posixpath.normpath(posixpath.join("/", posixpath.dirname(path), link))]
