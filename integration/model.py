"""A model project as its user sees it: built with buildx, run with docker, asked over HTTP."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from integration.engine import EngineInfo
from integration.frontend_images import run_docker

STARTUP_SECONDS = 120


@dataclass(frozen=True, slots=True)
class BuildResult:
    """How ``docker buildx build`` ended; ``output`` is all a person saw."""

    code: int
    output: str


@dataclass(frozen=True, slots=True)
class Model:
    """A running model image; ``url`` is its HTTP address on this machine."""

    engine: EngineInfo
    container: str
    url: str

    def get(self, path: str) -> httpx.Response:
        """Ask for a path."""
        return httpx.get(self.url + path, timeout=60)

    def post(self, path: str, body: object = None) -> httpx.Response:
        """Send JSON to a path."""
        return httpx.post(self.url + path, json=body, timeout=120)

    def predict(self, **inputs: object) -> dict[str, Any]:
        """Return the answer to one synchronous prediction."""
        answer: dict[str, Any] = self.post("/predictions", {"input": inputs}).json()
        return answer

    def health(self) -> dict[str, Any]:
        """Return the answer of the health check."""
        found: dict[str, Any] = self.get("/health-check").json()
        return found

    def logs(self) -> str:
        """Return what the container printed on stdout."""
        return run_docker(self.engine, "logs", self.container)

    def run(self, *command: str) -> str:
        """Run a command in the container and return what it printed."""
        return run_docker(self.engine, "exec", self.container, *command)


def build(engine: EngineInfo, project: Path, tag: str, options: Sequence[str] = ()) -> BuildResult:
    """Build a project as its README says: ``docker buildx build -f cog.yaml -t TAG .``."""
    command = ["docker", "buildx", "build", "--progress=plain", "-f", "cog.yaml", "-t", tag]
    done = subprocess.run(
        [*command, *options, "."],
        cwd=project,
        env=dict(engine.env),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return BuildResult(done.returncode, done.stdout)


@contextmanager
def running(
    engine: EngineInfo, tag: str, env: Mapping[str, str] | None = None, options: Sequence[str] = ()
) -> Iterator[Model]:
    """Run an image on a free port until the block ends; the container is removed in any case.

    ``options`` are more of ``docker run``.
    """
    variables = [word for name, value in (env or {}).items() for word in ("-e", f"{name}={value}")]
    container = run_docker(engine, "run", "-d", "-p", "127.0.0.1::5000", *variables, *options, tag)
    try:
        address = run_docker(engine, "port", container, "5000/tcp").splitlines()[0]
        yield Model(engine, container, f"http://{address}")
    finally:
        run_docker(engine, "rm", "--force", container)


def wait_for_health(model: Model, *statuses: str) -> dict[str, Any]:
    """Return the health answer once its status is one of ``statuses`` (default: READY)."""
    wanted = statuses or ("READY",)
    deadline = time.monotonic() + STARTUP_SECONDS
    seen = "no answer"
    while time.monotonic() < deadline:
        try:
            health = model.health()
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if health["status"] in wanted:
            return health
        seen = json.dumps(health)
        time.sleep(0.1)
    raise TimeoutError(f"waited for {' or '.join(wanted)}, saw: {seen}\n{model.logs()}")


def image_config(engine: EngineInfo, tag: str) -> dict[str, Any]:
    """Return the image's config as ``docker inspect`` shows it."""
    found: list[dict[str, Any]] = json.loads(run_docker(engine, "image", "inspect", tag))
    config: dict[str, Any] = found[0]["Config"]
    return config
