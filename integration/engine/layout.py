"""Where everything of an own engine lies: names and paths, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from integration.engine.errors import EngineError

# sun_path of a Unix socket holds 108 bytes, the last one a NUL (unix(7)).
_SOCKET_PATH_LIMIT = 107


class Store(StrEnum):
    """Where the daemon keeps images: containerd's snapshotters or its own graph drivers."""

    CONTAINERD = "containerd"
    GRAPHDRIVER = "graphdriver"


class Suite(StrEnum):
    """The Debian suite whose packages carry the engine."""

    SID = "sid"  # Engine 28.5, BuildKit 0.25
    TRIXIE = "trixie"  # Engine 26.1, BuildKit 0.13
    BOOKWORM = "bookworm"  # Engine 20.10, BuildKit 0.8


@dataclass(frozen=True, slots=True)
class Kind:
    """Which engine is wanted; every kind has a state folder and a socket of its own."""

    suite: Suite = Suite.SID
    store: Store = Store.CONTAINERD

    @property
    def is_default(self) -> bool:
        """Whether any reachable daemon will do: nothing particular was asked for."""
        return self == Kind()

    def __str__(self) -> str:
        return f"{self.suite}-{self.store}"


def kind(suite: str, store: str) -> Kind:
    """Return the kind with these names; raise EngineError for one that cannot exist.

    Engine 20.10 has no containerd image store: it came with Engine 24
    (moby docs/contributing/containerd image store, ``features.containerd-snapshotter``).
    """
    try:
        found = Kind(Suite(suite), Store(store))
    except ValueError:
        suites, stores = ", ".join(Suite), ", ".join(Store)
        raise EngineError(
            f"no engine '{suite}' with store '{store}': suites are {suites}; stores are {stores}"
        ) from None
    if found.suite is Suite.BOOKWORM and found.store is Store.CONTAINERD:
        raise EngineError(
            "bookworm's Engine 20.10 has no containerd store; use --store graphdriver"
        )
    return found


def cache_folder(env: Mapping[str, str], home: Path) -> Path:
    """Return the folder that holds everything: $COGKIT_ENGINE_CACHE or the user's cache."""
    if chosen := env.get("COGKIT_ENGINE_CACHE"):
        return Path(chosen)
    return Path(env.get("XDG_CACHE_HOME") or home / ".cache") / "cogkit" / "engine"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one kind below the cache folder."""

    cache: Path
    kind: Kind

    @property
    def packages(self) -> Path:
        """The unpacked Debian packages of the kind's suite."""
        return package_root(self.cache, self.kind.suite)

    @property
    def state(self) -> Path:
        """The folder of this daemon alone."""
        return self.cache / "engines" / str(self.kind)

    @property
    def socket(self) -> Path:
        """The API socket; raises EngineError when its path does not fit into a socket name."""
        path = self.state / "docker.sock"
        if len(bytes(path)) > _SOCKET_PATH_LIMIT:
            raise EngineError(
                f"{path} is too long for a socket; set COGKIT_ENGINE_CACHE to a shorter folder"
            )
        return path

    @property
    def docker_host(self) -> str:
        """The value of DOCKER_HOST."""
        return f"unix://{self.socket}"

    @property
    def data_root(self) -> Path:
        """Images, containers and the build cache."""
        return self.state / "data"

    @property
    def exec_root(self) -> Path:
        """Sockets and pid files of a running daemon."""
        return self.state / "exec"

    @property
    def daemon_config(self) -> Path:
        """The daemon's only settings file; its name on the command line marks our process."""
        return self.state / "daemon.json"

    @property
    def client_config(self) -> Path:
        """The DOCKER_CONFIG folder: buildx and a copy of the user's logins."""
        return self.state / "docker-config"


def package_root(cache: Path, suite: str) -> Path:
    """Return the folder into which the packages of ``suite`` are unpacked."""
    return cache / "suites" / suite / "root"


def own_sockets(cache: Path) -> frozenset[str]:
    """Return the DOCKER_HOST values of every engine that this cache folder can hold."""
    folder = cache / "engines"
    return frozenset(
        f"unix://{folder / str(Kind(suite, store)) / 'docker.sock'}"
        for suite in Suite
        for store in Store
    )
