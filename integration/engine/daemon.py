"""An own dockerd: started from its settings file, stopped by its own pid."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.engine import config, network
from integration.engine.client import Docker, environment
from integration.engine.errors import EngineError
from integration.engine.layout import Layout
from integration.engine.process import Daemon, last_line, runs_elsewhere, runs_with, wait_for

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class OwnDaemon:
    """The daemon of one layout; ``env`` is the caller's environment."""

    layout: Layout
    env: Mapping[str, str]
    tools: tuple[Path, ...] = ()

    @property
    def _process(self) -> Daemon:
        return Daemon(self.layout.state / "dockerd.pid", str(self.layout.daemon_config))

    @property
    def _containerd(self) -> Daemon:
        # dockerd starts it below its exec-root (moby libcontainerd/supervisor).
        folder = self.layout.exec_root / "containerd"
        return Daemon(folder / "containerd.pid", str(folder / "containerd.toml"))

    @property
    def client_env(self) -> dict[str, str]:
        """The environment in which docker and buildx talk to this daemon."""
        return environment(
            self.env,
            docker_host=self.layout.docker_host,
            client_config=self.layout.client_config,
            path=self.path,
        )

    @property
    def path(self) -> tuple[Path, ...]:
        """The folders that come first on PATH, for the daemon and for its clients."""
        return (*(self.layout.packages / "usr" / part for part in ("bin", "sbin")), *self.tools)

    def version(self) -> str | None:
        """Return the daemon's version while it runs and answers, else None."""
        return Docker(self.client_env).server_version() if self._process.pid() else None

    def start(self, registry: str, say: Callable[[str], None]) -> str:
        """Start the daemon unless it answers and knows ``registry``; return its version."""
        version = self.version()
        if version and registry in self._settings()["insecure-registries"]:
            return version
        self._end()
        say(f"starting dockerd ({self.layout.kind})")
        self.layout.state.mkdir(parents=True, exist_ok=True)
        bridge = self._own_bridge()
        settings = config.daemon_config(self.layout, registry, bridge)
        self.layout.daemon_config.write_text(settings)
        return self._launch()

    def stop(self) -> bool:
        """Stop the daemon and what a killed one left behind; say whether it ran."""
        if self._process.pid() is None and runs_with(str(self.layout.exec_root)):
            # Only a daemon ends the containers that a killed one left running.
            self._launch()
        ran = self._end()
        for mount in mounts_below(Path("/proc/self/mountinfo").read_text(), self.layout.state):
            subprocess.run(("umount", "--lazy", mount), capture_output=True, check=False)
        network.remove_bridge(network.bridge_name(self.layout.state))
        return ran

    def _launch(self) -> str:
        self._forget_killed()
        if bridge := self._settings().get("bridge"):
            network.ensure_bridge(bridge)
        log = self.layout.state / "dockerd.log"
        argv = ("dockerd", "--config-file", str(self.layout.daemon_config))
        self._process.start(argv, self.client_env, log)
        wait_for(self._answers_or_died, _START_SECONDS)
        version = self.version()
        if version is None:
            raise EngineError(f"dockerd ({self.layout.kind}) did not start: {last_line(log)}")
        return version

    def _end(self) -> bool:
        ran = self._process.stop()
        self._containerd.stop()
        self.layout.socket.unlink(missing_ok=True)
        return ran

    def _forget_killed(self) -> None:
        """Remove what keeps a daemon from starting after one that was killed.

        dockerd removes its pid file when it ends in order. If it could not, its records of
        networks may name a bridge that is gone, and it refuses to start over them (moby
        libnetwork, datastore local-kv.db).
        """
        pid_file = self.layout.state / "docker.pid"
        if pid_file.exists():
            (self.layout.data_root / "network" / "files" / "local-kv.db").unlink(missing_ok=True)
            pid_file.unlink()

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = json.loads(self.layout.daemon_config.read_text())
        return settings

    def _own_bridge(self) -> str | None:
        """Return the bridge for this daemon; None: it is the one that may own docker0."""
        alone = not runs_elsewhere("dockerd", str(self.layout.cache))
        if self.layout.kind.is_default and alone:
            return None
        return network.bridge_name(self.layout.state)

    def _answers_or_died(self) -> bool:
        if self._process.pid() is None:
            return True
        return self.layout.socket.exists() and self.version() is not None


def mounts_below(mountinfo: str, folder: Path) -> tuple[str, ...]:
    """Return the mount points in ``folder``, the last mounted first (proc(5), mountinfo)."""
    points = [line.split()[4] for line in mountinfo.splitlines()]
    return tuple(point for point in reversed(points) if Path(point).is_relative_to(folder))


def prepare_client(layout: Layout, buildx: Path, user_config: Path) -> None:
    """Write the DOCKER_CONFIG folder: buildx as its only plugin, a copy of the user's logins."""
    plugins = layout.client_config / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    target = plugins / "docker-buildx"
    if not target.exists() or not target.samefile(buildx):
        target.unlink(missing_ok=True)
        target.symlink_to(buildx)
    existing = user_config.read_text() if user_config.is_file() else None
    (layout.client_config / "config.json").write_text(config.client_config(existing))


def missing_programs(path: str) -> tuple[str, ...]:
    """Return the Debian packages whose programs dockerd or debootstrap miss on ``path``."""
    needed = {"iptables": "iptables", "ip": "iproute2", "wget": "wget"}
    return tuple(
        package for program, package in needed.items() if shutil.which(program, path=path) is None
    )
