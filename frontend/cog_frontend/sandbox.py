"""What surrounds every command of a build, as the client asked: network, hosts, limits.

Keys and forms: BuildKit's frontend/dockerui/config.go and attr.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from buildkit_llb import Mount, Network, ProxyEnv, Ulimit, tmpfs
from cog_frontend.errors import FrontendError

KEY_NETWORK = "force-network-mode"
KEY_HOSTS = "add-hosts"
KEY_ULIMIT = "ulimit"
KEY_SHM_SIZE = "shm-size"
KEY_CGROUP = "cgroup-parent"
KEY_HOSTNAME = "hostname"
ARG_HOSTNAME = "BUILDKIT_SANDBOX_HOSTNAME"
PREFIX_BUILD_ARG = "build-arg:"
PROXIES = ("http", "https", "ftp", "no", "all")
_NETWORKS = {
    "": Network.SANDBOX,
    "default": Network.SANDBOX,
    "sandbox": Network.SANDBOX,
    "none": Network.NONE,
    "host": Network.HOST,
}


class OptionError(FrontendError):
    """An option of the build has a value that cannot be used; the text names the option."""


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
    if not (shm_size.isascii() and shm_size.isdecimal()):
        raise OptionError(f"option {KEY_SHM_SIZE}={shm_size} must be a number of bytes")
    return Sandbox(
        network=_NETWORKS[network],
        proxy=_proxy(raw),
        hosts=tuple(_host(entry) for entry in _entries(raw, KEY_HOSTS)),
        ulimits=tuple(_ulimit(entry) for entry in _entries(raw, KEY_ULIMIT)),
        shm_size=int(shm_size),
        cgroup_parent=raw.get(KEY_CGROUP, ""),
        hostname=raw.get(KEY_HOSTNAME, "") or raw.get(PREFIX_BUILD_ARG + ARG_HOSTNAME, ""),
    )


def _entries(raw: Mapping[str, str], key: str) -> list[str]:
    return [entry.strip() for entry in raw.get(key, "").split(",") if entry.strip()]


def _host(entry: str) -> tuple[str, str]:
    name, equals, address = entry.partition("=")
    if not (name and equals and address):
        raise OptionError(f"option {KEY_HOSTS}: {entry!r} is not HOST=ADDRESS")
    return name.lower(), address


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
