"""What a fake daemon can do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

# What Docker Engine 28.5 with the containerd image store (BuildKit v0.25) answers to Ping.
FRONTEND_CAPS = frozenset(
    {
        "frontend.caps",
        "frontend.inputs",
        "gateway.evaluate",
        "gateway.exec",
        "gateway.exec.extrahosts",
        "gateway.exec.secretenv",
        "gateway.exec.signals",
        "gateway.solve.evaluate",
        "gateway.solve.metadata",
        "gateway.warnings",
        "importcaches",
        "proto.refarray",
        "readdir",
        "readfile",
        "reference.attestations",
        "reference.output",
        "resolveimage",
        "resolveimage.resolvemode",
        "return",
        "returnmap",
        "solve.base",
        "solve.inlinereturn",
        "source.metaresolver",
        "statfile",
    }
)
LLB_CAPS = frozenset(
    {
        "cache.azblob",
        "cache.gha",
        "cache.s3",
        "constraints",
        "diffop",
        "exec.cgroup",
        "exec.meta.base",
        "exec.meta.cdi",
        "exec.meta.cgroup.parent",
        "exec.meta.network",
        "exec.meta.proxyenv",
        "exec.meta.security",
        "exec.meta.security.devices.v1",
        "exec.meta.setsdefaultpath",
        "exec.meta.ulimit",
        "exec.mount.bind",
        "exec.mount.bind.readwrite-nooutput",
        "exec.mount.cache",
        "exec.mount.cache.content",
        "exec.mount.cache.sharing",
        "exec.mount.secret",
        "exec.mount.selector",
        "exec.mount.ssh",
        "exec.mount.tmpfs",
        "exec.mount.tmpfs.size",
        "exec.secretenv",
        "exec.validexitcode",
        "exporter.image.annotations",
        "exporter.image.attestations",
        "exporter.multiple",
        "exporter.session",
        "exporter.sourcedateepoch",
        "file.base",
        "file.copy.alwaysreplaceexistingdestpaths",
        "file.copy.includeexcludepatterns",
        "file.rm.nofollowsymlink",
        "file.rm.wildcard",
        "file.symlink.create",
        "gc.freespacefilter",
        "history.filter",
        "mergeop",
        "meta.description",
        "meta.exportcache",
        "meta.ignorecache",
        "platform",
        "soruce.http.uidgid",
        "source.buildop.llbfilename",
        "source.git",
        "source.git.checksum",
        "source.git.fullurl",
        "source.git.httpauth",
        "source.git.keepgitdir",
        "source.git.knownsshhosts",
        "source.git.mountsshsock",
        "source.git.skipsubmodules",
        "source.git.subdir",
        "source.http",
        "source.http.auth",
        "source.http.checksum",
        "source.http.header",
        "source.http.perm",
        "source.image",
        "source.image.checksum",
        "source.image.layerlimit",
        "source.image.resolvemode",
        "source.local",
        "source.local.differ",
        "source.local.excludepatterns",
        "source.local.followpaths",
        "source.local.includepatterns",
        "source.local.metadatatransfer",
        "source.local.sessionid",
        "source.local.sharedkeyhint",
        "source.local.unique",
        "source.ocilayout",
        "source.policy",
    }
)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the daemon lists in Pong; None is an ancient daemon that lists nothing.

    ``snapshotter``: its worker names one, as all do but that of Docker's graphdriver store.
    """

    frontend: Collection[str] | None = FRONTEND_CAPS
    llb: Collection[str] | None = LLB_CAPS
    disabled: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[str, ...] = ("linux/amd64",)
    snapshotter: str = "overlayfs"

    def with_caps(self, *caps: str) -> Abilities:
        """The same daemon that can do more with a graph."""
        return replace(self, llb={*(self.llb or ()), *caps})

    def without(self, *caps: str, reason: str = "switched off in this fake") -> Abilities:
        """The same daemon with these caps listed as disabled."""
        return replace(
            self,
            frontend=None if self.frontend is None else set(self.frontend) - {*caps},
            llb=None if self.llb is None else set(self.llb) - {*caps},
            disabled={**self.disabled, **dict.fromkeys(caps, reason)},
        )


MODERN = Abilities()
# Docker's default store up to Engine 28.
GRAPHDRIVER = replace(
    MODERN.without("mergeop", "diffop", reason="only enabled with containerd image store backend"),
    snapshotter="",
)
