"""The changes that a file op can make: copy, mkdir, mkfile, rm, symlink.

Each function checks its values and returns an action for ``State.file``. Relative paths start at
the state's directory; times are nanoseconds since 1970, None is the time of the build. Paths and
defaults: BuildKit's client/llb/fileop.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from buildkit_llb import _caps as caps
from buildkit_llb._errors import (
    INT64_MAX,
    UINT32_MAX,
    LLBError,
    check_list,
    check_mode,
    check_number,
    check_text,
    check_tree,
)
from buildkit_llb._file import FileAction, Place
from buildkit_llb._graph import Filesystem, Output
from buildkit_llb._paths import join, join_keeping_slash
from buildkit_llb.pb import ops_pb2 as pb

KEEP_MODE = -1
NOW = -1
PERMISSIONS = 0o777  # mkdir and mkfile know no setuid, setgid or sticky bit


class Owner(NamedTuple):
    """Who owns what an action makes: ids, or names that the tree acted on must know.

    A name makes the op depend on the tree's ``/etc/passwd`` and ``/etc/group``. Without a
    ``group`` the action keeps the group it would have given.
    """

    user: int | str
    group: int | str | None = None


class _Copy(NamedTuple):
    source: Output | None
    source_cwd: str
    src: str
    dest: str
    owner: Owner | None
    options: pb.FileActionCopy

    def caps(self) -> Iterator[str]:
        if self.options.include_patterns or self.options.exclude_patterns:
            yield caps.FILE_COPY_PATTERNS
        if self.options.alwaysReplaceExistingDestPaths:
            yield caps.FILE_COPY_ALWAYS_REPLACE
        if self.options.required_paths:
            yield caps.FILE_COPY_REQUIRED_PATHS

    def to_pb(self, place: Place) -> pb.FileAction:
        action = pb.FileAction(copy=self.options)
        action.copy.src = join(self.source_cwd, self.src)
        action.copy.dest = join_keeping_slash(place.cwd, self.dest)
        _give(action.copy, self.owner, place)
        return action


class _MkDir(NamedTuple):
    path: str
    mode: int
    parents: bool
    owner: Owner | None
    timestamp: int | None
    source: Output | None = None

    def caps(self) -> Iterator[str]:
        yield from ()

    def to_pb(self, place: Place) -> pb.FileAction:
        action = pb.FileAction()
        made = action.mkdir
        made.path, made.mode = join(place.cwd, self.path), self.mode
        made.makeParents, made.timestamp = self.parents, _time(self.timestamp)
        _give(made, self.owner, place)
        return action


class _MkFile(NamedTuple):
    path: str
    data: bytes
    mode: int
    owner: Owner | None
    timestamp: int | None
    source: Output | None = None

    def caps(self) -> Iterator[str]:
        yield from ()

    def to_pb(self, place: Place) -> pb.FileAction:
        action = pb.FileAction()
        made = action.mkfile
        made.path, made.mode = join(place.cwd, self.path), self.mode
        made.data, made.timestamp = self.data, _time(self.timestamp)
        _give(made, self.owner, place)
        return action


class _Rm(NamedTuple):
    path: str
    allow_not_found: bool
    allow_wildcard: bool
    source: Output | None = None

    def caps(self) -> Iterator[str]:
        if self.allow_wildcard:
            yield caps.FILE_RM_WILDCARD

    def to_pb(self, place: Place) -> pb.FileAction:
        removed = pb.FileActionRm(
            path=join(place.cwd, self.path),
            allowNotFound=self.allow_not_found,
            allowWildcard=self.allow_wildcard,
        )
        return pb.FileAction(rm=removed)


class _Symlink(NamedTuple):
    target: str
    path: str
    owner: Owner | None
    timestamp: int | None
    source: Output | None = None

    def caps(self) -> Iterator[str]:
        yield caps.FILE_SYMLINK

    def to_pb(self, place: Place) -> pb.FileAction:
        action = pb.FileAction()
        made = action.symlink
        made.oldpath, made.newpath = self.target, join(place.cwd, self.path)
        made.timestamp = _time(self.timestamp)
        _give(made, self.owner, place)
        return action


def copy(  # noqa: PLR0913 - keyword-only: one option per field of the wire message
    source: Filesystem,
    src: str,
    dest: str,
    *,
    owner: Owner | None = None,
    mode: int | None = None,
    follow_symlink: bool = False,
    contents_only: bool = False,
    unpack: bool = False,
    create_dest_path: bool = False,
    allow_wildcard: bool = False,
    allow_empty_wildcard: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    timestamp: int | None = None,
    always_replace: bool = False,
    required_paths: Sequence[str] = (),
) -> FileAction:
    """Copy ``src`` of the tree ``source`` to ``dest``.

    ``dest`` with a last ``/`` is a folder to copy into. ``mode`` (None: keep) is given to every
    entry. ``contents_only`` copies what is in a folder, not the folder. ``unpack`` unpacks a tar
    file. ``include`` and ``exclude`` are patterns as in ``.dockerignore``, below ``src``.
    ``always_replace`` lets a file take the place of a folder and the reverse;
    ``required_paths`` must be there though ``include`` may match nothing. ``source`` is a state
    (its directory is where a relative ``src`` starts). Raises LLBError for what cannot be sent.
    """
    check_tree("copy source", source)
    check_text("copy source", src)
    check_text("copy destination", dest)
    check_mode(f"copy to {dest!r}", mode or 0)
    _check_owner(owner)
    _check_time(timestamp)
    for patterns in (include, exclude, required_paths):
        check_list("copy patterns", patterns)
        for pattern in patterns:
            check_text("copy pattern", pattern)
    options = pb.FileActionCopy(
        mode=KEEP_MODE if mode is None else mode,
        followSymlink=follow_symlink,
        dirCopyContents=contents_only,
        attemptUnpackDockerCompatibility=unpack,
        createDestPath=create_dest_path,
        allowWildcard=allow_wildcard,
        allowEmptyWildcard=allow_empty_wildcard,
        timestamp=_time(timestamp),
        include_patterns=include,
        exclude_patterns=exclude,
        alwaysReplaceExistingDestPaths=always_replace,
        required_paths=required_paths,
    )
    return _Copy(source.output, source.cwd, src, dest, owner, options)


def mkdir(
    path: str,
    *,
    mode: int = 0o755,
    parents: bool = False,
    owner: Owner | None = None,
    timestamp: int | None = None,
) -> FileAction:
    """Make a folder; with ``parents`` also those above it, and it may exist already."""
    check_text("mkdir path", path)
    check_mode(f"mkdir {path!r}", mode, PERMISSIONS)
    _check_owner(owner)
    _check_time(timestamp)
    return _MkDir(path, mode, parents, owner, timestamp)


def mkfile(
    path: str,
    data: bytes,
    *,
    mode: int = 0o644,
    owner: Owner | None = None,
    timestamp: int | None = None,
) -> FileAction:
    """Write a file; its content travels within the definition (messages end at 16 MiB)."""
    check_text("mkfile path", path)
    if not isinstance(data, bytes):
        raise LLBError(f"content of {path!r} is {type(data).__name__}, not bytes: encode it")
    check_mode(f"mkfile {path!r}", mode, PERMISSIONS)
    _check_owner(owner)
    _check_time(timestamp)
    return _MkFile(path, data, mode, owner, timestamp)


def rm(path: str, *, allow_not_found: bool = False, allow_wildcard: bool = False) -> FileAction:
    """Remove a file, or a folder with all that is in it."""
    check_text("rm path", path)
    return _Rm(path, allow_not_found, allow_wildcard)


def symlink(
    target: str, path: str, *, owner: Owner | None = None, timestamp: int | None = None
) -> FileAction:
    """Make ``path`` a symbolic link that holds ``target`` as it is."""
    check_text("symlink target", target)
    check_text("symlink path", path)
    _check_owner(owner)
    _check_time(timestamp)
    return _Symlink(target, path, owner, timestamp)


def _time(timestamp: int | None) -> int:
    return NOW if timestamp is None else timestamp


def _give(
    made: pb.FileActionCopy | pb.FileActionMkDir | pb.FileActionMkFile | pb.FileActionSymlink,
    owner: Owner | None,
    place: Place,
) -> None:
    if owner is None:
        return
    _who(made.owner.user, owner.user, place)
    if owner.group is not None:
        _who(made.owner.group, owner.group, place)


def _who(option: pb.UserOpt, name: int | str, place: Place) -> None:
    if isinstance(name, int):
        option.byID = name
    else:
        option.byName.name, option.byName.input = name, place.base


def _check_owner(owner: Owner | None) -> None:
    for name in owner or ():
        if isinstance(name, str):
            check_text("owner", name)
        elif name is not None:
            check_number("owner", name, 0, UINT32_MAX)


def _check_time(timestamp: int | None) -> None:
    if timestamp is not None:
        check_number("timestamp", timestamp, 0, INT64_MAX)
