"""The op that runs a command on a root and its mounts.

Order of mounts, numbers of inputs and outputs, and variables: BuildKit's client/llb/exec.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

from buildkit_llb import _caps as caps
from buildkit_llb._errors import (
    INT64_MAX,
    LLBError,
    check_absolute,
    check_number,
    check_text,
    check_texts,
)
from buildkit_llb._graph import (
    NO_INDEX,
    Constraints,
    Edge,
    Encoded,
    InputTable,
    Output,
    encode_op,
)
from buildkit_llb._metadata import NO_METADATA, Metadata
from buildkit_llb._mount import Mount, MountKind, SecretEnv, check_secret_env
from buildkit_llb._paths import clean
from buildkit_llb._platform import Platform
from buildkit_llb.pb import ops_pb2 as pb

SSH_AGENT = "SSH_AUTH_SOCK"
# What the daemon sets by itself where it can (BuildKit's util/system/path.go). On Windows an image
# has a PATH of its own that must stay, so none is added there (moby/buildkit#5445).
UNIX_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Env = tuple[tuple[str, str], ...]


class Network(Enum):
    """What network an exec has; values as on the wire."""

    SANDBOX = pb.UNSET
    HOST = pb.HOST
    NONE = pb.NONE


class Security(Enum):
    """How far an exec is locked in; values as on the wire."""

    SANDBOX = pb.SANDBOX
    INSECURE = pb.INSECURE


class ProxyEnv(NamedTuple):
    """Proxies of an exec: set in its environment, but no part of its cache key."""

    http: str = ""
    https: str = ""
    ftp: str = ""
    no: str = ""
    all: str = ""


class Ulimit(NamedTuple):
    """One limit of an exec's processes, as in ``nofile=1024:4096``."""

    name: str
    soft: int
    hard: int


class HostIP(NamedTuple):
    """One more line of an exec's ``/etc/hosts``."""

    host: str
    ip: str


class Device(NamedTuple):
    """A device of the daemon's machine by its CDI name, as ``nvidia.com/gpu=all``.

    An ``optional`` one is left out where the machine does not have it. The daemon grants devices
    only to clients that ask for the entitlement ``device``.
    """

    name: str
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExecOp:
    """Runs ``args``; ``mounts`` holds the root as well and is sorted as the wire wants it."""

    args: tuple[str, ...]
    mounts: tuple[Mount, ...]
    env: Env = ()
    cwd: str = "/"
    user: str = ""
    hostname: str = ""
    cgroup_parent: str = ""
    network: Network = Network.SANDBOX
    security: Security = Security.SANDBOX
    secret_env: tuple[SecretEnv, ...] = ()
    extra_hosts: tuple[HostIP, ...] = ()
    ulimits: tuple[Ulimit, ...] = ()
    devices: tuple[Device, ...] = ()
    proxy: ProxyEnv | None = None
    valid_exit_codes: tuple[int, ...] = ()
    platform: Platform | None = None
    metadata: Metadata = field(default=NO_METADATA, repr=False)

    def __post_init__(self) -> None:
        if not self.args:
            raise LLBError("exec has no args")
        check_text("exec program", self.args[0])
        check_texts("exec args", self.args)
        check_absolute("exec cwd", self.cwd)
        for what, text in (("user", self.user), ("hostname", self.hostname)):
            check_text(f"exec {what}", text, empty=True)
        check_text("exec cgroup parent", self.cgroup_parent, empty=True)
        check_texts("exec proxy", self.proxy or ())
        if not isinstance(self.metadata, Metadata):
            raise LLBError(f"metadata is {self.metadata!r}, not Metadata(name=...)")
        for code in self.valid_exit_codes:
            check_number("valid exit code", code, 0, 255)
        for name, soft, hard in self.ulimits:
            check_text("ulimit name", name)
            check_number(f"soft ulimit {name}", soft, -1, INT64_MAX)
            check_number(f"hard ulimit {name}", hard, -1, INT64_MAX)
        for device in self.devices:
            check_text("device name", device.name)
        for entry in self.secret_env:
            check_secret_env(entry)

    @property
    def inputs(self) -> tuple[Output, ...]:
        """The mounted outputs, in the order of the mounts."""
        return tuple(mount.source for mount in self.mounts if mount.source is not None)

    @property
    def summary(self) -> str:
        """The args."""
        return " ".join(self.args)

    def output(self, dest: str) -> Output:
        """Return the output for the mount at ``dest``; raises LLBError where it has none."""
        wanted = clean(dest)
        for number, mount in enumerate(mount for mount in self.mounts if mount.output):
            if clean(mount.dest) == wanted:
                return Output(self, number)
        places = ", ".join(mount.dest for mount in self.mounts if mount.output) or "nowhere"
        raise LLBError(f"exec has no output at {dest!r}; writable bind mounts: {places}")

    def encode(self, edges: Sequence[Edge], constraints: Constraints) -> Encoded:
        """Encode the op; a daemon that sets PATH itself is left to do so."""
        needed = frozenset(self._caps())
        platform = self.platform or constraints.platform
        env = self._ssh_env()
        if constraints.caps is not None:
            if caps.EXEC_DEFAULT_PATH in constraints.caps:
                needed |= {caps.EXEC_DEFAULT_PATH}
            elif "PATH" not in dict(env) and platform.os != "windows":
                env = (*env, ("PATH", UNIX_PATH))
        table = InputTable()
        exec_op = pb.ExecOp(
            meta=self._meta(env),
            mounts=list(self._mounts(table, edges)),
            network=self.network.value,
            security=self.security.value,
            secretenv=[
                pb.SecretEnv(ID=entry.id, name=entry.name, optional=entry.optional)
                for entry in self.secret_env
            ],
            cdiDevices=[pb.CDIDevice(**device._asdict()) for device in self.devices],
        )
        return Encoded(encode_op(table.edges, pb.Op(exec=exec_op), platform), needed)

    def _mounts(self, table: InputTable, edges: Sequence[Edge]) -> Iterator[pb.Mount]:
        sources = iter(edges)
        outputs = 0
        for mount in self.mounts:
            source = table.number(next(sources) if mount.source else None)
            if mount.output:
                yield mount.to_pb(source, outputs)
                outputs += 1
            elif mount.kind in {MountKind.SECRET, MountKind.SSH}:
                yield mount.to_pb(source, 0)  # as Go: never read, but part of the digest
            else:
                yield mount.to_pb(source, NO_INDEX)

    def _ssh_env(self) -> Env:
        sockets = [mount.dest for mount in self.mounts if mount.kind is MountKind.SSH]
        if not sockets or SSH_AGENT in dict(self.env):
            return self.env
        return (*self.env, (SSH_AGENT, sockets[0]))

    def _meta(self, env: Env) -> pb.Meta:
        return pb.Meta(
            args=self.args,
            env=[f"{name}={value}" for name, value in env],
            cwd=self.cwd,
            user=self.user,
            proxy_env=_proxy_to_pb(self.proxy) if self.proxy else None,
            extraHosts=[pb.HostIP(Host=host, IP=ip) for host, ip in self.extra_hosts],
            hostname=self.hostname,
            ulimit=[
                pb.Ulimit(Name=name, Soft=soft, Hard=hard) for name, soft, hard in self.ulimits
            ],
            cgroupParent=self.cgroup_parent,
            removeMountStubsRecursive=True,  # Go's default; older daemons pass over it
            validExitCodes=self.valid_exit_codes,
        )

    def _caps(self) -> Iterator[str]:
        yield caps.EXEC_BASE
        used: tuple[tuple[object, str], ...] = (
            (self.network is not Network.SANDBOX, caps.EXEC_NETWORK),
            (self.security is not Security.SANDBOX, caps.EXEC_SECURITY),
            (self.proxy, caps.EXEC_PROXY),
            (self.ulimits, caps.EXEC_ULIMIT),
            (self.devices, caps.EXEC_CDI),
            (self.cgroup_parent, caps.EXEC_CGROUP_PARENT),
            (self.valid_exit_codes, caps.EXEC_VALID_EXIT_CODE),
            (self.secret_env, caps.EXEC_SECRETS_ENV),
            (self.secret_env, caps.MOUNT_SECRETS),  # as Go, for which both are one kind
            (self.metadata.linux_resources, caps.EXEC_LINUX_RESOURCES),
        )
        yield from (cap for uses, cap in used if uses)
        for mount in self.mounts:
            yield from mount.caps()


def root_mount(source: Output | None, *, readonly: bool) -> Mount:
    """Return the mount that every exec needs; None is an empty root."""
    return Mount(
        kind=MountKind.BIND, dest="/", source=source, readonly=readonly, output=not readonly
    )


def sort_mounts(mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    """Order mounts as the wire wants them; raises LLBError where two share a destination.

    By destination (the root comes first), then secrets, then ssh sockets as they were given.
    """
    by_kind: dict[str, list[Mount]] = {"tree": [], "secret": [], "ssh": []}
    for mount in mounts:
        if not isinstance(mount, Mount):
            raise LLBError(
                f"exec mount is {mount!r}, not made by bind, cache, tmpfs, secret or ssh"
            )
        if mount.kind is MountKind.SSH:
            dest = mount.dest or f"/run/buildkit/ssh_agent.{len(by_kind['ssh'])}"
            by_kind["ssh"].append(replace(mount, dest=dest))
        else:
            by_kind["secret" if mount.kind is MountKind.SECRET else "tree"].append(mount)
    trees = sorted(by_kind["tree"], key=lambda mount: mount.dest)
    ordered = (*trees, *by_kind["secret"], *by_kind["ssh"])
    taken: set[str] = set()
    for mount in ordered:
        dest = clean(mount.dest)
        if dest in taken:
            raise LLBError(f"exec has two mounts at {dest!r}")
        taken.add(dest)
    return ordered


def _proxy_to_pb(proxy: ProxyEnv) -> pb.ProxyEnv:
    return pb.ProxyEnv(
        http_proxy=proxy.http,
        https_proxy=proxy.https,
        ftp_proxy=proxy.ftp,
        no_proxy=proxy.no,
        all_proxy=proxy.all,
    )


def host_ip(host: str, ip: str) -> HostIP:
    """Return the line for ``host``; the address in the one spelling that Go has for it."""
    from ipaddress import ip_address  # noqa: PLC0415 - half as much as this library's own import

    check_text("extra host", host)
    check_text(f"address of extra host {host}", ip)
    try:
        address = ip_address(ip)
    except ValueError as error:
        raise LLBError(f"address of extra host {host} is no IP address: {ip!r}") from error
    if address.version == 6 and (address.scope_id or address.ipv4_mapped):
        if address.scope_id:
            raise LLBError(f"address of extra host {host} has a zone: {ip!r}")
        return HostIP(host, str(address.ipv4_mapped))
    return HostIP(host, address.compressed)
