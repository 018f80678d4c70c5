"""What the gateway answers, as values; decisions about them, no protobuf and no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from buildkit_llb import Platform

# The bits of Go's io/fs.FileMode that fsutil.types.Stat.mode carries above the permissions.
MODE_DIR = 1 << 31
MODE_SYMLINK = 1 << 27

# What a daemon can do that lists no caps at all: frontend/gateway/grpcclient/client.go and
# solver/pb/caps.go of BuildKit. The misspelt "soruce" is the name on the wire.
DEFAULT_FRONTEND_CAPS = frozenset({"solve.base", "solve.inlinereturn", "resolveimage", "readfile"})
DEFAULT_LLB_CAPS = frozenset(
    {
        "source.image",
        "source.local",
        "source.local.unique",
        "source.local.sessionid",
        "source.local.includepatterns",
        "source.local.followpaths",
        "source.local.excludepatterns",
        "source.local.sharedkeyhint",
        "source.git",
        "source.git.keepgitdir",
        "source.git.fullurl",
        "source.http",
        "source.http.checksum",
        "source.http.perm",
        "soruce.http.uidgid",
        "source.buildop.llbfilename",
        "exec.meta.base",
        "exec.meta.proxyenv",
        "exec.mount.bind",
        "exec.mount.cache",
        "exec.mount.cache.sharing",
        "exec.mount.selector",
        "exec.mount.tmpfs",
        "exec.mount.secret",
        "constraints",
        "platform",
        "meta.ignorecache",
        "meta.description",
        "meta.exportcache",
    }
)


@dataclass(frozen=True, slots=True)
class Ref:
    """A handle to a solved filesystem; it lives as long as the build."""

    id: str


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker of the daemon; its first platform is its native one."""

    id: str
    platforms: tuple[Platform, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What the daemon can do: caps that are listed *and* enabled, and its workers.

    ``disabled`` maps a cap that is listed but switched off to the daemon's reason.
    """

    frontend: frozenset[str] = DEFAULT_FRONTEND_CAPS
    llb: frozenset[str] = DEFAULT_LLB_CAPS
    workers: tuple[Worker, ...] = ()
    disabled: Mapping[str, str] = field(default_factory=dict)

    @property
    def default_platform(self) -> Platform | None:
        """The platform of a build that names none: the first of the first worker."""
        first = self.workers[:1]
        return next((platform for worker in first for platform in worker.platforms), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """One entry of a filesystem.

    ``path`` is the entry's own name without the directories above it. ``mode`` holds the bits of
    Go's ``io/fs.FileMode``, ``size`` is in bytes.
    """

    path: str
    mode: int = 0
    size: int = 0
    mtime_ns: int = 0
    linkname: str = ""

    @property
    def is_dir(self) -> bool:
        """Whether the entry is a directory."""
        return bool(self.mode & MODE_DIR)

    @property
    def is_symlink(self) -> bool:
        """Whether the entry is a symbolic link; ``linkname`` is where it points."""
        return bool(self.mode & MODE_SYMLINK)


@dataclass(frozen=True, slots=True)
class CacheImport:
    """One ``--cache-from``: the daemon does not apply them, each solve has to name them."""

    type: str
    attrs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedImage:
    """An image reference as the daemon sees it.

    ``ref`` is what to use as the source: it differs from what was asked when a source policy
    rewrote it, and is a whole identifier (``https://...``) when the policy chose another kind of
    source. ``digest`` is empty for a local image of Docker's graphdriver store. ``config`` is the
    image config as JSON, empty when the source is no image.
    """

    ref: str
    digest: str = ""
    config: bytes = b""

    @property
    def pinned(self) -> str:
        """``ref`` with the digest added, where there is one to add."""
        return f"{self.ref}@{self.digest}" if self.digest and "@" not in self.ref else self.ref


def utf8(text: str) -> bytes:
    """Encode any text; half a surrogate pair, as in odd file names, becomes its escape."""
    return text.encode("utf-8", "backslashreplace")
