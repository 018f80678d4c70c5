"""Which files of a folder stand in layers of their own: large ones, and weights beside them.

Pure, on a listing of names and sizes. A large file is a layer, so that it is sent and stored once,
whatever changes around it and whichever model has it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

# More than this is a layer of its own.
LARGE = 64_000_000
# From here a file that is no code counts as weights, as with Cog's --separate-weights.
WEIGHTS = 10_000_000
# Docker's graphdriver store takes 125 layers; packages and the base image need theirs.
MOST_ALONE = 40

# What people edit or read, by the end of its name: a folder with any of it holds no weights only.
_CODE = (
    *(".py", ".pyi", ".pyx", ".ipynb", ".sh", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp"),
    *(".js", ".ts", ".rs", ".go", ".java", ".lua", ".pl", ".rb", ".whl", ".log"),
)
# Names with these mean more than themselves in a pattern.
_PATTERN = frozenset("*?[]\\!^")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A regular file: its path below the folder that was listed, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Files that are one layer: ``paths`` of files and whole folders, ``but`` for some in them.

    ``size`` is in bytes.
    """

    name: str
    size: int
    paths: tuple[str, ...]
    but: tuple[str, ...] = ()

    @property
    def include(self) -> tuple[str, ...]:
        """Patterns of what to copy: the topmost names."""
        return tuple(sorted({path.partition("/")[0] for path in self.paths}))

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns of what to leave out: in each folder on the way, all but the next names.

        A folder that no pattern chose is made in passing (fsutil, copy.go): its time would be that
        of the build, and the layer another one on each builder.
        """
        ways = {folder for path in self.paths for folder in _above(path)}
        names = {*self.paths, *ways}
        patterns: list[str] = []
        for folder in sorted(ways):
            patterns.append(f"{folder}/*")
            patterns += (f"!{each}" for each in sorted(names) if posixpath.dirname(each) == folder)
        return (*patterns, *self.but)


def below(files: Sequence[Listed], folder: str) -> tuple[Listed, ...]:
    """The files in a folder, with paths below it; ``.`` is all of them."""
    if folder in ("", "."):
        return tuple(files)
    start = f"{folder}/"
    inside = (each for each in files if each.path.startswith(start))
    return tuple(Listed(path=each.path.removeprefix(start), size=each.size) for each in inside)


def alone(files: Sequence[Listed]) -> tuple[Part, ...]:
    """Large files, each a part; more than ``MOST_ALONE`` share that many, by a hash of the path."""
    large = sorted(_large(files), key=lambda each: each.path)
    if len(large) <= MOST_ALONE:
        return tuple(Part(name=each.path, size=each.size, paths=(each.path,)) for each in large)
    shared: dict[int, list[Listed]] = {}
    for each in large:
        shared.setdefault(crc32(each.path.encode()) % MOST_ALONE, []).append(each)
    return tuple(
        Part(
            name=f"large files {number + 1}",
            size=sum(each.size for each in group),
            paths=tuple(each.path for each in group),
        )
        for number, group in sorted(shared.items())
    )


def bundled(files: Sequence[Listed]) -> Part | None:
    """The weights that are not large, and what lies beside weights in folders without code."""
    large = {each.path for each in _large(files)}
    weights = [each.path for each in files if each.size >= WEIGHTS and _is_weights(each.path)]
    holding = {folder for path in weights if (folder := posixpath.dirname(path))}
    code = {folder for each in files if _is_code(each.path) for folder in _above(each.path)}
    folders = {each for each in holding - code if _is_plain(each)}
    folders = {each for each in folders if not folders & set(_above(each))}
    single = [path for path in weights if path not in large and not folders & set(_above(path))]
    taken = [
        each
        for each in files
        if each.path in single or (each.path not in large and folders & set(_above(each.path)))
    ]
    if not taken:
        return None
    return Part(
        name="small files",
        size=sum(each.size for each in taken),
        paths=(*sorted(folders), *sorted(single)),
        but=tuple(sorted(path for path in large if folders & set(_above(path)))),
    )


def _large(files: Sequence[Listed]) -> Iterator[Listed]:
    return (each for each in files if each.size > LARGE and _is_plain(each.path))


def _is_weights(path: str) -> bool:
    return _is_plain(path) and not _is_code(path)


def _is_code(path: str) -> bool:
    return path.lower().endswith(_CODE)


def _is_plain(path: str) -> bool:
    """Whether a pattern of this text is about this path alone; others stay where they are."""
    return path == path.strip() and path.isprintable() and not _PATTERN & set(path)


def _above(path: str) -> Iterator[str]:
    """The folders that a path is in."""
    while path := posixpath.dirname(path):
        yield path
