"""What the commands work with: the world outside, passed in, and the steps they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from cog_cli import build_options as typed
from cog_cli import project
from cog_cli.build import Builder, BuildOutcome, BuildRequest, Output, choose_frontend
from cog_cli.certificates import VARIABLE, certificates
from cog_cli.container import LOG_ENV, Patience
from cog_cli.docker import Container, Docker, image_reference
from cog_cli.errors import CliError
from cog_cli.interface import Task
from cog_cli.login import Fetch
from cog_cli.model import Clock
from cog_cli.project import Project
from cog_cli.screen import Screen
from cog_frontend.options import ARG_SEPARATE
from cog_frontend.version import FRONTEND

FRONTEND_VARIABLE = "COGKIT_FRONTEND"


class Ask(Protocol):
    """Asks the person at the terminal."""

    def __call__(self, text: str, *, hidden: bool) -> str:
        """Return the answer; ``hidden``: it is not shown while it is typed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The world outside: ``token`` gives a new short text each time it is called.

    ``time`` is the Unix time in seconds, ``random`` gives as many random bytes as it is asked for;
    ``git`` runs git in the current folder and returns what it printed, "" where that fails.
    ``has_terminal``: stdin and stdout are a person's. ``ask`` asks that person.
    ``builder`` builds in this process, ``buildx`` over Docker's buildx.
    """

    docker: Docker
    builder: Builder
    buildx: Builder
    screen: Screen
    clock: Clock
    env: Mapping[str, str]
    cwd: Path
    token: Callable[[], str]
    time: Callable[[], float]
    random: Callable[[int], bytes]
    git: Callable[[tuple[str, ...]], str]
    has_terminal: bool
    fetch: Fetch
    ask: Ask

    def project(self, filename: str, *, relock: bool = False) -> Project:
        """Return the project around the current folder, without problems.

        ``relock``: a lock file of it may be stale, since a new one is wanted.
        """
        return project.load(project.find(self.cwd, filename), relock=relock)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildChoices:
    """How to build, as chosen on the command line; texts are as they were typed.

    ``outputs`` empty: the image is loaded, or pushed where ``push`` says so.
    """

    tags: tuple[str, ...] = ()
    frontend: str | None = None
    builder: str | None = None
    via_buildx: bool = False
    no_cache: bool = False
    separate_weights: bool = False
    pull: bool = False
    progress: str | None = None
    target: str | None = None
    platforms: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    build_args: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    push: bool = False
    load: bool = False
    sbom: str | None = None
    provenance: str | None = None
    metadata_file: str | None = None

    @property
    def makes_image(self) -> bool:
        """Whether an image comes of it, and not files alone."""
        outputs = typed.parse_outputs(self.outputs, push=self.push, load=self.load)
        return any(each.type in {"docker", "image"} for each in outputs)


def build_project(app: App, project: Project, choices: BuildChoices) -> BuildOutcome:
    """Build ``project`` and return its image."""
    tags = tuple(map(image_reference, choices.tags)) or (project.image,)
    return _builder(app, choices).build(replace(_request(app, project, choices), tags=tags))


def export_target(app: App, project: Project, choices: BuildChoices, target: str) -> None:
    """Write the files of a target of ``project`` into its folder."""
    output = Output(type="local", destination=str(project.root))
    request = replace(_request(app, project, choices), target=target, outputs=(output,))
    _builder(app, choices).build(request)


def _builder(app: App, choices: BuildChoices) -> Builder:
    return app.buildx if choices.via_buildx else app.builder


def _request(app: App, project: Project, choices: BuildChoices) -> BuildRequest:
    advice = project.config.build.compression
    return BuildRequest(
        file=project.file,
        context=project.root,
        tags=(),
        frontend=choose_frontend(
            chosen=choices.frontend,
            own=app.env.get(FRONTEND_VARIABLE),
            syntax=project.syntax,
            released=FRONTEND,
        ),
        outputs=typed.compressed(
            typed.parse_outputs(choices.outputs, push=choices.push, load=choices.load), advice
        ),
        builder=choices.builder,
        no_cache=choices.no_cache,
        pull=choices.pull,
        progress=choices.progress,
        target=choices.target,
        platforms=tuple(each for text in choices.platforms for each in text.split(",")),
        secrets=choices.secrets,
        ssh=choices.ssh,
        build_args=(
            *_certificates(app),
            *typed.heeding(advice),
            *(((ARG_SEPARATE, "true"),) if choices.separate_weights else ()),
            *typed.parse_arguments(choices.build_args, app.env),
        ),
        labels=typed.parse_named(choices.labels, "--label"),
        annotations=typed.parse_annotations(choices.annotations),
        named=typed.parse_named(choices.contexts, "--build-context"),
        cache_from=typed.parse_caches(choices.cache_from, "--cache-from"),
        cache_to=typed.parse_caches(choices.cache_to, "--cache-to"),
        attestations=typed.parse_attestations(sbom=choices.sbom, provenance=choices.provenance),
        metadata_file=app.cwd / choices.metadata_file if choices.metadata_file else None,
    )


def _certificates(app: App) -> tuple[tuple[str, str], ...]:
    text = certificates(app.env, app.cwd)
    return ((VARIABLE, text),) if text else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoices:
    """How to run a model's container, as chosen on the command line; times in seconds."""

    gpus: str | None = None
    env: tuple[str, ...] = ()
    setup_timeout: float = 300.0

    def container(self, app: App, image: str, *, wants_gpu: bool) -> Container:
        """Return the container of ``image``; a model that wants GPUs gets all of them."""
        gpus = chosen_gpus(self.gpus, wants_gpu=wants_gpu)
        return Container(
            name=f"cog-{app.token()}", image=image, env=(LOG_ENV, *self.env), gpus=gpus
        )

    def patience(self, app: App) -> Patience:
        """Return how long to wait for the setup."""
        return Patience(clock=app.clock, seconds=self.setup_timeout)


def chosen_gpus(typed: str | None, *, wants_gpu: bool) -> str | None:
    """Return the GPUs of a container: those asked for, else all if the model wants some."""
    return typed if typed is not None else ("all" if wants_gpu else None)


def project_progress(app: App, chosen: str | None) -> str | None:
    """Return the progress of a build on the way to something else: silent where nobody looks."""
    if chosen or app.screen.console.is_terminal:
        return chosen
    return app.env.get("BUILDKIT_PROGRESS") or "quiet"


def need_schema(project: Project, task: Task) -> str:
    """Return the OpenAPI document of the project; CliError when its config names nothing to run.

    It is empty where only running code tells it.
    """
    config = project.config
    if config.predictor is None and config.train is None:
        raise CliError(f"{project.file.name} {task.lacking}")
    return project.schema
