"""What an exec sees beside its root. Each kind of mount has a function; ``Mount`` is their value.

Rules of the wire: BuildKit's client/llb/exec.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from buildkit_llb import _caps as caps
from buildkit_llb._errors import (
    INT64_MAX,
    UINT32_MAX,
    LLBError,
    check_absolute,
    check_mode,
    check_number,
    check_text,
    check_tree,
)
from buildkit_llb._graph import Filesystem, Output
from buildkit_llb.pb import ops_pb2 as pb


class MountKind(Enum):
    """What stands behind a mount; values as on the wire."""

    BIND = pb.BIND
    SECRET = pb.SECRET
    SSH = pb.SSH
    CACHE = pb.CACHE
    TMPFS = pb.TMPFS


class Sharing(Enum):
    """What happens when two execs want one cache: both, one each, or one after the other."""

    SHARED = pb.SHARED
    PRIVATE = pb.PRIVATE
    LOCKED = pb.LOCKED


class ContentCache(Enum):
    """Whether a bound tree counts by its content for the cache (default: if it is read-only)."""

    DEFAULT = pb.DEFAULT
    ON = pb.ON
    OFF = pb.OFF


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mount:
    """One mount of an exec; made by the functions of this module.

    ``output`` says that what the exec leaves at ``dest`` is an output of it. An empty ``dest``
    is for the exec to choose (ssh only).
    """

    kind: MountKind
    dest: str
    source: Output | None = field(default=None, repr=False)
    selector: str = ""
    readonly: bool = False
    output: bool = False
    content_cache: ContentCache = ContentCache.DEFAULT
    id: str = ""
    sharing: Sharing = Sharing.SHARED
    size: int = 0
    uid: int = 0
    gid: int = 0
    mode: int = 0
    optional: bool = False

    def __post_init__(self) -> None:
        what = f"mount {self.dest!r}"
        if self.dest or self.kind is not MountKind.SSH:
            check_absolute("mount destination", self.dest)
        if self.kind in {MountKind.SECRET, MountKind.SSH, MountKind.CACHE}:
            check_text(f"id of {what}", self.id)
        check_text(f"selector of {what}", self.selector, empty=True)
        check_number(f"size of {what}", self.size, 0, INT64_MAX)
        check_number(f"uid of {what}", self.uid, 0, UINT32_MAX)
        check_number(f"gid of {what}", self.gid, 0, UINT32_MAX)
        check_mode(what, self.mode)

    def caps(self) -> Iterator[str]:
        """Yield what the daemon must know for this mount."""
        if self.selector:
            yield caps.MOUNT_SELECTOR
        if self.content_cache is not ContentCache.DEFAULT:
            yield caps.MOUNT_CONTENT_CACHE
        if self.size:
            yield caps.MOUNT_TMPFS_SIZE
        if self.kind is not MountKind.BIND:
            yield from _CAPS_OF_KIND[self.kind]
        elif self.source is not None:
            yield caps.MOUNT_BIND

    def to_pb(self, source: int, output: int) -> pb.Mount:
        """Return the wire form; ``source`` and ``output`` are numbers of the exec's op."""
        mount = pb.Mount(
            input=source,
            selector=self.selector,
            dest=self.dest,
            output=output,
            readonly=self.readonly,
            mountType=self.kind.value,
            contentCache=self.content_cache.value,
        )
        if self.kind is MountKind.CACHE:
            mount.cacheOpt.CopyFrom(pb.CacheOpt(ID=self.id, sharing=self.sharing.value))
        elif self.kind is MountKind.TMPFS:
            mount.TmpfsOpt.CopyFrom(pb.TmpfsOpt(size=self.size))
        elif self.kind is MountKind.SECRET:
            self._grant(mount.secretOpt)
        elif self.kind is MountKind.SSH:
            self._grant(mount.SSHOpt)
        return mount

    def _grant(self, access: pb.SecretOpt | pb.SSHOpt) -> None:
        access.ID, access.optional = self.id, self.optional
        access.uid, access.gid, access.mode = self.uid, self.gid, self.mode


_CAPS_OF_KIND = {
    MountKind.SECRET: (caps.MOUNT_SECRETS,),
    MountKind.SSH: (caps.MOUNT_SSH,),
    MountKind.CACHE: (caps.MOUNT_CACHE, caps.MOUNT_CACHE_SHARING),
    MountKind.TMPFS: (caps.MOUNT_TMPFS,),
}


class SecretEnv(NamedTuple):
    """A secret given to an exec as the environment variable ``name``."""

    name: str
    id: str
    optional: bool = False


def bind(  # noqa: PLR0913 - keyword-only: one option per field of the wire message
    dest: str,
    state: Filesystem,
    *,
    selector: str = "",
    readonly: bool = True,
    output: bool = True,
    content_cache: ContentCache = ContentCache.DEFAULT,
) -> Mount:
    """Mount the tree ``state``, or ``selector`` within it.

    A writable mount is an output of the exec (``Exec.output``) unless ``output`` is False;
    ``scratch()`` mounted writable is the way to take a folder out of an exec.
    """
    check_tree("mount source", state)
    return Mount(
        kind=MountKind.BIND,
        dest=dest,
        source=state.output,
        selector=selector,
        readonly=readonly,
        output=output and not readonly,
        content_cache=content_cache,
    )


def cache(
    dest: str,
    *,
    id: str,
    sharing: Sharing = Sharing.SHARED,
    state: Filesystem | None = None,
    selector: str = "",
) -> Mount:
    """Mount a folder that the daemon keeps between builds under ``id``.

    ``state`` (default: empty) and ``selector`` are what a new cache starts as.
    """
    if state is not None:
        check_tree("start of a cache", state)
    source = state.output if state is not None else None
    return Mount(
        kind=MountKind.CACHE, dest=dest, id=id, sharing=sharing, source=source, selector=selector
    )


def tmpfs(dest: str, *, size: int = 0) -> Mount:
    """Mount an empty folder in memory, of at most ``size`` bytes (0: no limit)."""
    return Mount(kind=MountKind.TMPFS, dest=dest, size=size)


def secret(  # noqa: PLR0913 - keyword-only: one option per field of the wire message
    dest: str,
    *,
    id: str,
    uid: int = 0,
    gid: int = 0,
    mode: int = 0o400,
    optional: bool = False,
) -> Mount:
    """Mount a secret of the client as a file; without it the exec fails unless ``optional``."""
    return Mount(
        kind=MountKind.SECRET, dest=dest, id=id, uid=uid, gid=gid, mode=mode, optional=optional
    )


def ssh(  # noqa: PLR0913 - keyword-only: one option per field of the wire message
    *,
    id: str = "default",
    dest: str | None = None,
    uid: int = 0,
    gid: int = 0,
    mode: int = 0o600,
    optional: bool = False,
) -> Mount:
    """Mount the socket of the client's ssh agent ``id``.

    The exec finds the first one in SSH_AUTH_SOCK. Default ``dest``:
    ``/run/buildkit/ssh_agent.N``, where N counts the exec's ssh mounts from 0.
    """
    if dest is not None:
        check_text("mount destination", dest)
    return Mount(
        kind=MountKind.SSH,
        dest=dest or "",
        id=id,
        uid=uid,
        gid=gid,
        mode=mode,
        optional=optional,
    )


def check_secret_env(entry: SecretEnv) -> None:
    """Refuse a variable without a name or a secret without an id."""
    check_text("secret variable", entry.name)
    check_text(f"id of secret variable {entry.name}", entry.id)
    if "=" in entry.name:
        raise LLBError(f"secret variable has '=' in its name: {entry.name!r}")
