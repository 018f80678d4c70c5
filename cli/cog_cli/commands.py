"""What each command does, step by step; how it is spelled on the command line is not known here."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from cog_cli import explain as explaining
from cog_cli import predict as prediction
from cog_cli.app import (
    App,
    BuildChoices,
    RunChoices,
    build_project,
    chosen_gpus,
    export_target,
    need_schema,
    project_progress,
)
from cog_cli.container import running
from cog_cli.docker import Errand, Image, image_reference, inspect_image, layer_sizes
from cog_cli.docker import run as run_errand
from cog_cli.errors import CliError
from cog_cli.interface import PREDICT, Interface, Task, interface
from cog_cli.predict import Given
from cog_cli.push import Moment, push_labels, push_target
from cog_frontend import plan
from cog_frontend.options import TARGET_BASE, TARGET_LOCK

_SERVE_GRACE_SECONDS = 3  # as Cog's command


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is to run: an image, or (``image`` None) the project of a config file."""

    image: str | None
    config: str
    build: BuildChoices
    run: RunChoices
    task: Task = PREDICT


def build(app: App, config: str, choices: BuildChoices, *, as_json: bool) -> None:
    """Build the project and say what came of it; ``as_json``: on stdout, for a program."""
    outcome = build_project(app, app.project(config), choices)
    if as_json:
        app.screen.out(json.dumps({"image": outcome.image, "digest": outcome.digest}))
    elif choices.makes_image:
        app.screen.note(f"Image built as {outcome.image}")
    else:
        app.screen.note("Built")


def push(app: App, config: str, image: str | None, choices: BuildChoices) -> None:
    """Build the project, push it and say where it is.

    ``image`` is where to; None: where the config or the environment says.
    """
    project = app.project(config)
    moment = Moment(seconds=app.time(), random=app.random(10))
    target = push_target(project, image, app.env, moment)
    labels = push_labels(app.env, app.git, moment)
    # A label of the command line comes last, and wins.
    typed = (*(f"{name}={value}" for name, value in labels), *choices.labels)
    choices = replace(choices, tags=(target,), labels=typed, push=True)
    outcome = build_project(app, project, choices)
    app.screen.note(f"Pushed {outcome.image}")
    if outcome.digest:
        app.screen.note(f"  {outcome.digest}")


def lock(app: App, config: str, choices: BuildChoices, upgrade: tuple[str, ...]) -> None:
    """Write the lock file of the project; ``upgrade`` are packages whose versions may move."""
    project = app.project(config, relock=True)
    path = project.root / plan.lock_path(project.config, project.file.name)
    if upgrade:
        wish = f"{plan.ARG_UPGRADE}={','.join(upgrade)}"
        choices = replace(choices, build_args=(*choices.build_args, wish))
    export_target(app, project, choices, TARGET_LOCK)
    app.screen.note(f"wrote {path}")


def explain(app: App, config: str, *, why_rebuilt: str | None, as_json: bool) -> None:
    """Show what was decided for the project, or what changed since ``why_rebuilt`` was built."""
    project = app.project(config)
    now, name = project.record, why_rebuilt or project.image
    image = inspect_image(app.docker, image_reference(name))
    built = plan.read_record(image.labels.get(plan.LABEL, "")) if image else None
    if why_rebuilt and built is None:
        reason = "is not on this machine" if image is None else "was not built by this cogkit"
        raise CliError(f"image '{name}' {reason}: there is nothing to compare with")
    sizes = layer_sizes(app.docker, name) if built else ()
    explanation = explaining.explain(now, name, built, sizes)
    if why_rebuilt and built:
        explanation = replace(explanation, changes=plan.compare(built, explanation.record))
    show = explaining.as_json if as_json else explaining.as_text
    app.screen.out(show(explanation))


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A command to run in the project's environment; see ``docker.Errand``."""

    command: tuple[str, ...]
    ports: tuple[tuple[str, int], ...] = ()
    env: tuple[str, ...] = ()
    gpus: str | None = None


def execute(app: App, config: str, choices: BuildChoices, work: Work) -> None:
    """Build the project's environment and run a command in it; CliError when that fails."""
    project = app.project(config)
    choices = replace(choices, progress=project_progress(app, choices.progress))
    if not project.config.weights:  # they are in the whole image only
        choices = replace(choices, target=TARGET_BASE, tags=(project.environment,))
    name = build_project(app, project, choices).image
    errand = Errand(
        name=f"cog-{app.token()}",
        image=name,
        command=work.command,
        folder=project.root,
        ports=work.ports,
        env=work.env,
        gpus=chosen_gpus(work.gpus, wants_gpu=project.config.build.gpu),
        has_terminal=app.has_terminal,
    )
    status = run_errand(app.docker, errand, may_lack_gpu=work.gpus is None)
    if status:
        raise CliError(f"`{shlex.join(work.command)}` ended with status {status}")


def predict(app: App, source: Source, given: Given, destination: Path | None) -> None:
    """Run one prediction, or another task of the source, and show its output.

    The inputs are judged before anything is built or started.
    """
    name, image, model = _ready_to_run(app, source, given)
    values = given.values(model)
    container = source.run.container(app, name, wants_gpu=prediction.wants_gpu(image))
    if source.task.arguments:
        command = (*image.command, *source.task.arguments)
        container = replace(container, command=command)
    app.screen.step(f"starting {name}")
    patience = source.run.patience(app)
    may_lack_gpu = source.run.gpus is None
    with running(app.docker, container, patience, may_lack_gpu=may_lack_gpu) as ready:
        app.screen.step("predicting")
        answer = ready.model.predict(values, source.task.route)
    if given.document is not None:
        _show_answer(app, answer, destination)
    else:
        prediction.show(prediction.succeeded(answer), model, destination, app.screen)


def _ready_to_run(app: App, source: Source, given: Given | None) -> tuple[str, Image, Interface]:
    """Return name, image and interface; a project is built, after its inputs were judged."""
    if source.image is not None:
        name = image_reference(source.image)
    else:
        project = app.project(source.config)
        schema = need_schema(project, source.task)
        if given is not None and schema:
            given.values(interface(schema, source.task))
        progress = project_progress(app, source.build.progress)
        name = build_project(app, project, replace(source.build, progress=progress)).image
    image = prediction.find_image(app.docker, name)
    return name, image, prediction.image_interface(image, name, source.task)


def _show_answer(app: App, answer: dict[str, object], destination: Path | None) -> None:
    """Show the server's whole answer; CliError when the prediction did not succeed."""
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    if destination is None:
        app.screen.out(text)
    else:
        prediction.write_text(destination, text, app.screen)
    prediction.succeeded(answer)


def serve(app: App, source: Source, *, host: str, port: int) -> None:
    """Serve until the person ends it; CliError when the server ends of itself."""
    name, image, _ = _ready_to_run(app, source, None)
    container = replace(
        source.run.container(app, name, wants_gpu=prediction.wants_gpu(image)),
        host=host,
        port=port,
        grace=_SERVE_GRACE_SECONDS,
    )
    patience = source.run.patience(app)
    may_lack_gpu = source.run.gpus is None
    with running(app.docker, container, patience, may_lack_gpu=may_lack_gpu) as ready:
        app.screen.note(f"serving {name} at {ready.model.url} (Ctrl-C ends it)")
        ready.log.wait()
    raise CliError(f"the server of {name} ended; its log is above")
