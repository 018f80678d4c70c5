"""A model's container for as long as a block runs: removed after it, whatever happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from cog_cli import docker as docker_cli
from cog_cli.docker import Container, Docker, Followed
from cog_cli.model import Clock, Model, wait_until_ready

# Log lines for people; Cog's command sets the same.
LOG_ENV = "LOG_FORMAT=console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a setup may take, in seconds, and the clock that says so."""

    clock: Clock
    seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Running:
    """A model that is ready, and the log of its container, which ends with the container."""

    model: Model
    log: Followed


@contextmanager
def running(
    docker: Docker, container: Container, patience: Patience, *, may_lack_gpu: bool = False
) -> Iterator[Running]:
    """Run ``container`` until the block ends; the block begins when the model is ready.

    The container's log goes to stderr. ``may_lack_gpu``: nobody asked for the GPUs, so a
    machine without them is tried again without.
    """
    with ExitStack() as following:
        try:
            container = _start(docker, container, may_lack_gpu=may_lack_gpu)
            log = following.enter_context(docker.follow(*docker_cli.logs_arguments(container)))
            model = Model(*docker_cli.address(docker, container))
            wait_until_ready(
                model,
                patience.clock,
                seconds=patience.seconds,
                has_ended=log.has_ended,
            )
            yield Running(model, log)
        finally:
            # The log ends with the container, and is then complete.
            docker_cli.remove(docker, container)


def _start(docker: Docker, container: Container, *, may_lack_gpu: bool) -> Container:
    docker_cli.create(docker, container)
    answer = docker_cli.start(docker, container)
    if may_lack_gpu and docker_cli.lacks_gpu(answer):
        docker_cli.remove(docker, container)
        return _start(docker, replace(container, gpus=None), may_lack_gpu=False)
    if answer.status:
        raise docker_cli.start_problem(answer, container)
    return container
