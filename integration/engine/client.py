"""The docker command: one place that runs it, with a given environment."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from integration.engine.errors import EngineError

# The variables by which docker and buildx find a daemon or a builder other than the one meant.
ENDPOINT_VARIABLES = (
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "BUILDX_BUILDER",
    "BUILDX_CONFIG",
    "BUILDKIT_HOST",
)


@dataclass(frozen=True, slots=True)
class Docker:
    """Runs docker with ``env`` as its whole environment."""

    env: Mapping[str, str]

    def ask(self, *argv: str, timeout: float = 10.0) -> str | None:
        """Return what a docker command prints, None when it fails, is missing or is late."""
        try:
            done = subprocess.run(
                ("docker", *argv),
                env=self.env,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
            )
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    def run(self, *argv: str, stdin: Path | None = None) -> str:
        """Return what a docker command prints; EngineError with its last line if it fails."""
        with (stdin or Path("/dev/null")).open("rb") as source:
            done = subprocess.run(
                ("docker", *argv), env=self.env, stdin=source, capture_output=True, check=False
            )
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            raise EngineError(f"docker {argv[0]} failed: {lines[-1] if lines else 'no message'}")
        return done.stdout.decode().strip()

    def server_version(self) -> str | None:
        """Return the version of the daemon that answers, None when none does."""
        return self.ask("version", "--format", "{{.Server.Version}}") or None


def environment(
    base: Mapping[str, str], *, docker_host: str, client_config: Path, path: tuple[Path, ...]
) -> dict[str, str]:
    """Return ``base`` with the daemon at ``docker_host`` as the only one that can be meant.

    ``path`` folders come first on PATH.
    """
    env = {name: value for name, value in base.items() if name not in ENDPOINT_VARIABLES}
    env["DOCKER_HOST"] = docker_host
    env["DOCKER_CONFIG"] = str(client_config)
    env["PATH"] = ":".join((*map(str, path), base.get("PATH", "/usr/bin:/bin")))
    return env
