"""What surrounds every command of a build, as the client asked: network, hosts, limits.

Keys and forms: BuildKit's frontend/dockerui/config.go and attr.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from buildkit_llb import LinuxResources, Mount, Network, ProxyEnv, Ulimit, tmpfs
from cog_frontend.option_values import PREFIX_BUILD_ARG, OptionError, cpu_list, names, number

KEY_NETWORK = "force-network-mode"
KEY_HOSTS = "add-hosts"
KEY_ULIMIT = "ulimit"
KEY_SHM_SIZE = "shm-size"
KEY_CGROUP = "cgroup-parent"
KEY_HOSTNAME = "hostname"
ARG_HOSTNAME = "BUILDKIT_SANDBOX_HOSTNAME"
PROXIES = ("http", "https", "ftp", "no", "all")
# Keys that are numbers: the field they set, the least, and what is counted.
_RESOURCES = {
    "memory": ("memory", 0, "a number of bytes"),
    "memswap": ("memory_swap", -1, "a number of bytes, or -1 for no limit"),
    "cpushares": ("cpu_shares", 0, "a number of shares"),
    "cpuperiod": ("cpu_period", 0, "a number of microseconds"),
    "cpuquota": ("cpu_quota", -1, "a number of microseconds, or -1 for no limit"),
}
_CPUSETS = {"cpusetcpus": "cpuset_cpus", "cpusetmems": "cpuset_mems"}
_NETWORKS = {
    "": Network.SANDBOX,
    "default": Network.SANDBOX,
    "sandbox": Network.SANDBOX,
    "none": Network.NONE,
    "host": Network.HOST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Settings of every command; ``shm_size`` is in bytes (0: the daemon's default)."""

    network: Network = Network.SANDBOX
    proxy: ProxyEnv | None = None
    hosts: tuple[tuple[str, str], ...] = ()
    ulimits: tuple[Ulimit, ...] = ()
    shm_size: int = 0
    cgroup_parent: str = ""
    hostname: str = ""
    resources: LinuxResources | None = None

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What is mounted for every command."""
        return (tmpfs("/dev/shm", size=self.shm_size),) if self.shm_size else ()  # noqa: S108 - the command's own, in its container


def read_sandbox(raw: Mapping[str, str]) -> Sandbox:
    """Read the options about commands; raise ``OptionError`` naming a bad one."""
    network = raw.get(KEY_NETWORK, "")
    if network not in _NETWORKS:
        raise OptionError(f"option {KEY_NETWORK}={network} must be none, host or sandbox")
    shm_size = raw.get(KEY_SHM_SIZE, "") or "0"
    return Sandbox(
        network=_NETWORKS[network],
        proxy=_proxy(raw),
        hosts=tuple(_host(entry) for entry in names(raw.get(KEY_HOSTS, ""))),
        ulimits=tuple(_ulimit(entry) for entry in names(raw.get(KEY_ULIMIT, ""))),
        shm_size=number(KEY_SHM_SIZE, shm_size, "a number of bytes"),
        cgroup_parent=raw.get(KEY_CGROUP, ""),
        hostname=raw.get(KEY_HOSTNAME, "") or raw.get(PREFIX_BUILD_ARG + ARG_HOSTNAME, ""),
        resources=_resources(raw),
    )


def _resources(raw: Mapping[str, str]) -> LinuxResources | None:
    found: dict[str, int | str] = {
        field: number(key, raw[key], what, least=least)
        for key, (field, least, what) in _RESOURCES.items()
        if raw.get(key)
    }
    found |= {field: cpu_list(key, raw[key]) for key, field in _CPUSETS.items() if raw.get(key)}
    return LinuxResources(**found) if found else None  # type: ignore[arg-type]  # by field


def _host(entry: str) -> tuple[str, str]:
    name, equals, address = entry.partition("=")
    if name and equals and _is_address(address):
        return name.lower(), address
    raise OptionError(f"option {KEY_HOSTS}: {entry!r} is not HOST=ADDRESS")


def _is_address(text: str) -> bool:
    from ipaddress import ip_address  # noqa: PLC0415 - few builds name hosts

    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _ulimit(entry: str) -> Ulimit:
    name, equals, limits = entry.partition("=")
    soft, _, hard = limits.partition(":")
    try:
        if name and equals:
            return Ulimit(name, int(soft), int(hard or soft))
    except ValueError as error:
        raise OptionError(f"option {KEY_ULIMIT}: {entry!r} is not NAME=SOFT:HARD") from error
    raise OptionError(f"option {KEY_ULIMIT}: {entry!r} is not NAME=SOFT:HARD")


def _proxy(raw: Mapping[str, str]) -> ProxyEnv | None:
    """Proxies from build arguments such as HTTP_PROXY; either case is accepted, as Docker does."""
    given = {
        key.removeprefix(PREFIX_BUILD_ARG).lower(): value
        for key, value in sorted(raw.items())
        if key.startswith(PREFIX_BUILD_ARG) and value
    }
    found = {name: given[f"{name}_proxy"] for name in PROXIES if f"{name}_proxy" in given}
    return ProxyEnv(**found) if found else None
