"""The registry as a container of a daemon that was already there."""

from __future__ import annotations

from collections.abc import Callable

from integration.engine.client import Docker
from integration.engine.errors import EngineError
from integration.engine.network import REGISTRY_PORT
from integration.engine.process import wait_for
from integration.engine.registry import answers

NAME = "cogkit-registry"
IMAGE = "registry:2"
_START_SECONDS = 15.0
_PORTS = range(REGISTRY_PORT, REGISTRY_PORT + 10)


def published(port_output: str | None) -> str | None:
    """Return ``localhost:port`` from what ``docker port`` prints; None when nothing is."""
    lines = (port_output or "").splitlines()
    port = lines[0].rpartition(":")[2] if lines else ""
    return f"localhost:{port}" if port.isdigit() else None


def ensure(docker: Docker, say: Callable[[str], None]) -> str:
    """Return the address of the running container, started on the first port that is free."""
    running = published(docker.ask("port", NAME, "5000"))
    if running:
        return running
    say(f"starting a local registry ({NAME})")
    if docker.ask("image", "inspect", IMAGE) is None:
        docker.run("pull", "--quiet", IMAGE)
    problem = EngineError(f"no free port from {REGISTRY_PORT} on for the local registry")
    for port in _PORTS:
        docker.ask("rm", "--force", "--volumes", NAME)
        try:
            docker.run("run", "--detach", "--name", NAME, "-p", f"127.0.0.1:{port}:5000", IMAGE)
        except EngineError as error:
            problem = error
            continue
        return _started(docker, port)
    raise problem


def _started(docker: Docker, port: int) -> str:
    """Wait until the container answers; where it does not, remove it and show what it said."""
    if not wait_for(lambda: answers(port), _START_SECONDS):
        said = (docker.ask("logs", NAME) or "nothing is in its log").splitlines()[-1]
        docker.ask("rm", "--force", "--volumes", NAME)
        raise EngineError(f"{IMAGE} does not answer on 127.0.0.1:{port}: {said}")
    return f"localhost:{port}"


def stop(docker: Docker) -> bool:
    """Remove the container; say whether there was one."""
    if docker.ask("container", "inspect", NAME) is None:
        return False
    docker.run("rm", "--force", "--volumes", NAME)
    return True
