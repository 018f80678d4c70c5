"""What the commands work with: the world outside, passed in, and the steps they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cog_cli import project
from cog_cli.build import Builder, BuildOutcome, BuildRequest, choose_frontend
from cog_cli.certificates import certificates
from cog_cli.container import LOG_ENV, Patience
from cog_cli.docker import Container, Docker, image_reference, require_docker
from cog_cli.errors import CliError
from cog_cli.model import Clock
from cog_cli.project import Project
from cog_cli.screen import Screen
from cog_frontend.version import FRONTEND

FRONTEND_VARIABLE = "COGKIT_FRONTEND"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The world outside: ``token`` gives a new short text each time it is called."""

    docker: Docker
    builder: Builder
    screen: Screen
    clock: Clock
    env: Mapping[str, str]
    cwd: Path
    token: Callable[[], str]

    def project(self, filename: str, *, relock: bool = False) -> Project:
        """Return the project around the current folder, without problems.

        ``relock``: a lock file of it may be stale, since a new one is wanted.
        """
        return project.load(project.find(self.cwd, filename), relock=relock)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildChoices:
    """How to build, as chosen on the command line."""

    tags: tuple[str, ...] = ()
    frontend: str | None = None
    no_cache: bool = False
    progress: str | None = None
    secrets: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    push: bool = False


def build_project(app: App, project: Project, choices: BuildChoices) -> BuildOutcome:
    """Build ``project`` and return its image."""
    require_docker(app.docker)
    tags = tuple(map(image_reference, choices.tags)) or (project.image,)
    return app.builder.build(replace(_request(app, project, choices), tags=tags))


def export_target(app: App, project: Project, choices: BuildChoices, target: str) -> None:
    """Write the files of a target of ``project`` into its folder."""
    require_docker(app.docker)
    request = _request(app, project, choices)
    app.builder.export(replace(request, target=target, output=project.root))


def _request(app: App, project: Project, choices: BuildChoices) -> BuildRequest:
    return BuildRequest(
        file=project.file,
        context=project.root,
        tags=(),
        frontend=choose_frontend(
            choices.frontend or app.env.get(FRONTEND_VARIABLE),
            FRONTEND,
            has_syntax=project.has_syntax,
        ),
        no_cache=choices.no_cache,
        progress=choices.progress,
        secrets=choices.secrets,
        agents=choices.agents,
        certificates=certificates(app.env, app.cwd),
        platforms=choices.platforms,
        push=choices.push,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoices:
    """How to run a model's container, as chosen on the command line; times in seconds."""

    gpus: str | None = None
    env: tuple[str, ...] = ()
    setup_timeout: float = 300.0

    def container(self, app: App, image: str, *, wants_gpu: bool) -> Container:
        """Return the container of ``image``; a model that wants GPUs gets all of them."""
        gpus = self.gpus if self.gpus is not None else ("all" if wants_gpu else None)
        return Container(
            name=f"cog-{app.token()}", image=image, env=(LOG_ENV, *self.env), gpus=gpus
        )

    def patience(self, app: App) -> Patience:
        """Return how long to wait for the setup."""
        return Patience(clock=app.clock, seconds=self.setup_timeout)


def project_progress(app: App, chosen: str | None) -> str | None:
    """Return the progress of a build on the way to something else: silent where nobody looks."""
    if chosen or app.screen.console.is_terminal:
        return chosen
    return app.env.get("BUILDKIT_PROGRESS") or "quiet"


def need_predictor(project: Project) -> str:
    """Return the OpenAPI document of the project's predictor; CliError when it names none."""
    if not project.schema:
        raise CliError(f"{project.file.name} names no predictor; add 'run: run.py:Runner'")
    return project.schema
