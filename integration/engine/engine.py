"""Brings an engine with a registry and base images up, once, and takes it down again."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from integration.engine import choice, container_registry, debian, interpreters, registry, standin
from integration.engine.client import Docker
from integration.engine.daemon import OwnDaemon, missing_programs, prepare_client
from integration.engine.errors import EngineError
from integration.engine.layout import (
    Kind,
    Layout,
    Store,
    Suite,
    cache_folder,
    kind,
    own_sockets,
    package_root,
)
from integration.engine.registry import Registry

_OWN_EXPORTS = ("COGKIT_REGISTRY", "DOCKER_CONFIG", "DOCKER_HOST")
_HELPERS = ("runc", "docker-registry", "debootstrap")
# "manifest inspect" asks the image's own registry, past the daemon and its mirror.
_BASE_IMAGE = "library/python:3.12-slim"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """A running engine.

    ``env`` is a whole environment for subprocesses that shall use the engine; ``exports``,
    ``unset`` and ``path`` (folders to come first on PATH) say the same as changes to the
    caller's own. ``registry`` is host:port as daemon and tests see it. ``own``: we started
    the daemon.
    """

    docker_host: str
    registry: str
    version: str
    own: bool
    env: Mapping[str, str] = field(repr=False)
    exports: Mapping[str, str] = field(repr=False)
    unset: tuple[str, ...] = ()
    path: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """One line of ``status``; ``version`` is None while the engine is down."""

    name: str
    version: str | None
    endpoint: str


def ensure_engine(suite: str = Suite.SID, store: str = Store.CONTAINERD) -> EngineInfo:
    """Return a running engine of this kind, started if need be; progress goes to stderr.

    Raises EngineError with one line for a person when there can be none.
    """
    return Engine.here().up(kind(suite, store))


def _say(text: str) -> None:
    sys.stderr.write(f"engine: {text}\n")


@dataclass(frozen=True, slots=True)
class Engine:
    """All engines of one cache folder, as seen from the environment ``env``."""

    cache: Path
    env: Mapping[str, str]
    home: Path
    say: Callable[[str], None]

    @classmethod
    def here(cls, say: Callable[[str], None] = _say) -> Engine:
        """Return the engines of this user, from the process's environment."""
        env, home = dict(os.environ), Path.home()
        return cls(cache_folder(env, home), env, home, say)

    def up(self, wanted: Kind) -> EngineInfo:
        """Return a running engine of kind ``wanted``, starting what is missing."""
        with self._locked():
            theirs = Docker(self._their_env())
            version = theirs.server_version()
            whose = choice.choose(
                wanted,
                reachable=version is not None,
                named=theirs.env.get("DOCKER_HOST") or theirs.env.get("DOCKER_CONTEXT"),
                root=os.geteuid() == 0,
            )
            if whose is choice.Choice.THEIRS and version is not None:
                return self._use(theirs, version)
            return self._start(wanted)

    def down(self, kinds: tuple[Kind, ...]) -> tuple[str, ...]:
        """Stop the own engines of ``kinds``; return the names of what ran.

        The registry ends with the last engine. A daemon that was already there stays, only
        our registry container leaves it.
        """
        with self._locked():
            started = [each for each in kinds if Layout(self.cache, each).state.exists()]
            stopped = [str(each) for each in started if self._daemon(each).stop()]
            if not any(status.version for status in self._own_status()):
                if Registry(self.cache / "registry").stop():
                    stopped.append("registry")
                if container_registry.stop(Docker(self._their_env())):
                    stopped.append("registry container")
        return tuple(stopped)

    def status(self) -> tuple[EngineStatus, ...]:
        """Return the daemon that was already there, if any, and every own engine ever started."""
        theirs = Docker(self._their_env())
        version = theirs.server_version()
        first = (
            (EngineStatus(name="docker", version=version, endpoint=_endpoint(theirs)),)
            if version
            else ()
        )
        return (*first, *self._own_status())

    def _own_status(self) -> tuple[EngineStatus, ...]:
        kinds = (Kind(suite, store) for suite in Suite for store in Store)
        return tuple(
            EngineStatus(
                name=str(each),
                version=self._daemon(each).version(),
                endpoint=Layout(self.cache, each).docker_host,
            )
            for each in kinds
            if Layout(self.cache, each).state.exists()
        )

    def _their_env(self) -> dict[str, str]:
        env = dict(self.env)
        if env.get("DOCKER_HOST") in own_sockets(self.cache):
            del env["DOCKER_HOST"]
        return env

    def _use(self, theirs: Docker, version: str) -> EngineInfo:
        if theirs.ask("buildx", "version") is None:
            raise EngineError("docker has no buildx plugin; install docker-buildx")
        address = container_registry.ensure(theirs, self.say)
        exports = {"COGKIT_REGISTRY": address}
        return EngineInfo(
            docker_host=_endpoint(theirs),
            registry=address,
            version=version,
            own=False,
            env={**theirs.env, **exports},
            exports=exports,
            unset=self._unset(theirs.env),
        )

    def _start(self, wanted: Kind) -> EngineInfo:
        local = Registry(self.cache / "registry")
        daemon = self._daemon(wanted)
        if local.address() is None or daemon.version() is None:
            self._unpack(daemon.layout)
        address = local.ensure(self._helpers() / "usr/bin/docker-registry", self.env)
        version = daemon.start(address, self.say)
        self._base_images(Docker(daemon.client_env), address)
        env = {**daemon.client_env, "COGKIT_REGISTRY": address}
        return EngineInfo(
            docker_host=daemon.layout.docker_host,
            registry=address,
            version=version,
            own=True,
            env=env,
            exports={name: env[name] for name in _OWN_EXPORTS},
            unset=self._unset(env),
            path=daemon.path,
        )

    def _unset(self, env: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(sorted(self.env.keys() - env.keys()))

    def _daemon(self, wanted: Kind) -> OwnDaemon:
        return OwnDaemon(Layout(self.cache, wanted), self.env, (self._helpers() / "usr/sbin",))

    def _helpers(self) -> Path:
        return package_root(self.cache, debian.this_machine().codename)

    def _unpack(self, layout: Layout) -> None:
        machine = debian.this_machine()
        suite = layout.kind.suite
        needed = debian.ENGINE_PACKAGES[suite]
        debian.unpack(self.cache, machine, suite, needed.engine, self.say)
        tools = debian.unpack(
            self.cache, machine, needed.client_suite, debian.CLIENT_PACKAGES, self.say
        )
        debian.unpack(self.cache, machine, machine.codename, _HELPERS, self.say)
        debian.install(missing_programs(self.env.get("PATH", "")), self.say)
        user = Path(self.env.get("DOCKER_CONFIG") or self.home / ".docker") / "config.json"
        prepare_client(layout, tools / "usr/libexec/docker/cli-plugins/docker-buildx", user)

    def _base_images(self, docker: Docker, address: str) -> None:
        machine = debian.this_machine()
        found = interpreters.find(self.env, self.home)
        wanted = standin.wanted_tags(found, machine.codename)
        marker = self.cache / "real-images"
        if marker.exists() or wanted <= registry.tags(address, "library/python"):
            return
        if docker.ask("manifest", "inspect", _BASE_IMAGE, timeout=20) is not None:
            marker.touch()
            return
        makes = standin.StandIns(
            docker=docker,
            address=address,
            machine=machine,
            debootstrap=self._helpers(),
            folder=self.cache / "bases",
            env=self.env,
            say=self.say,
        )
        makes.ensure(found)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.cache.mkdir(parents=True, exist_ok=True)
        with (self.cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _endpoint(docker: Docker) -> str:
    named = docker.ask("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    return docker.env.get("DOCKER_HOST") or named or "default"
