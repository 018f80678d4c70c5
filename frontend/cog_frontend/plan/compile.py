"""Decides what will be built: config and project facts in, plan out. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cog_frontend.config import Config
from cog_frontend.errors import Problem, Span
from cog_frontend.plan import (
    commands,
    credentials,
    cuda,
    described,
    git,
    layout,
    packages,
    python,
    secret_digests,
    system,
    trust,
    user,
    weights,
)
from cog_frontend.plan.base import base_decisions, choose_base, python_span
from cog_frontend.plan.lock import Lock, frozen
from cog_frontend.plan.locked import LockFile
from cog_frontend.plan.model import (
    Base,
    Copy,
    File,
    ImageSettings,
    Layer,
    Plan,
    Write,
)
from cog_frontend.plan.record import LABEL, record, record_json
from cog_frontend.plan.relock import Relock
from cog_frontend.plan.requirements import Requirements
from cog_frontend.plan.stack import Stack

# Layers that no package has a part in.
BEFORE_PACKAGES = (python.VENV, system.NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What is known of a project besides its config.

    ``schema`` is the OpenAPI document of the predictor (compact JSON; empty: no predictor),
    ``concurrency`` the limit its decorator sets, ``config_file`` the name and bytes of the config,
    ``stack`` what was chosen of CUDA and compilers. ``lock_file`` is the one the project brings.
    ``lock`` says which packages one platform gets, once that is known; ``system_first``: it is
    worked out where the system packages are; ``relock``: it is to be written. ``warnings`` are for
    the user and stop nothing. ``certificates`` are PEM, of authorities to trust. ``describe`` are
    handlers whose inputs only the running code knows: mode, reference and lines of the config.
    ``known`` is what is known of files that may be weights, ``secrets`` are digests of the values
    by id.
    """

    config_file: tuple[str, bytes]
    schema: str = ""
    concurrency: int | None = None
    requirements: Requirements | None = None
    stack: Stack = field(default_factory=Stack)
    lock_file: LockFile | None = None
    lock: Lock | None = None
    system_first: bool = False
    relock: Relock | None = None
    warnings: tuple[Problem, ...] = ()
    certificates: tuple[bytes, ...] = ()
    describe: tuple[tuple[str, str, Span], ...] = ()
    known: weights.Known = field(default_factory=weights.Known)
    secrets: Mapping[str, str] = field(default_factory=dict)


def make_plan(config: Config, project: Project, *, version: str) -> Plan:
    """Return the plan of a project; ``version`` is cogkit's own.

    Without the project's lock the plan ends with the layer that makes it: ``Plan.stage("lock")``.
    What is to be described has a layer of its own: ``Plan.stage("described")``.
    """
    base = trust.trusting(choose_base(config), project.certificates)
    env = _user_env(config)
    stack = project.stack
    before = [
        python.venv_layer(base, python_span(config)),
        cuda.libraries_layer(stack),
        system.system_layer(config.build.system_packages, env, more=stack.system),
    ]
    before.append(cuda.toolchain_layer(stack, env, system=_named(system.NAME, before)))
    before.append(_git_layer(config, project))
    installed = _package_layers(config, project, before)
    copies = commands.copy_layers(config.build.copy)
    needs = (*_names([*before, *installed]), *(layer.name for layer in copies))
    run = commands.run_layer(config.build, env, needs=needs, digests=project.secrets)
    # Where layers are a chain, what changes least comes first: no command needs the runtime. The
    # metadata stands after the source: its cog.yaml wins over another file of that name.
    layers = [*before, _runtime_layer(config), *installed, *copies, run]
    layers.append(user.home_layer(config.build.user))
    apart = weights.find_weights(config, project.known)
    layers += [*apart.layers, _source_layer(apart.patterns), _metadata_layer(project)]
    layers.append(_described(config, project, layers))
    layers.append(secret_digests.digests_layer(config.build, needs=_names(before[:1])))
    planned = Plan(
        base=base,
        layers=tuple(layer for layer in layers if layer),
        image=_image(config, project, base, version),
        images=(stack.toolkit.image,) if stack.toolkit else (),
        decisions=(
            *base_decisions(config),
            *stack.decisions,
            *apart.decisions,
        ),
    )
    return _recorded(planned, project.config_file[0], version)


def _recorded(planned: Plan, config_file: str, version: str) -> Plan:
    """The plan with what it was made of in a label."""
    made = record(planned, config_file=config_file, version=version)
    labels = (*planned.image.labels, (LABEL, record_json(made)))
    return replace(planned, image=replace(planned.image, labels=labels))


def _described(config: Config, project: Project, image: list[Layer | None]) -> Layer | None:
    """The layer that imports the predictor on the whole image."""
    env = (*_runtime_env(config, project), *_user_env(config))
    return described.described_layer(project.describe, env, needs=_names(image))


def _names(layers: list[Layer | None]) -> tuple[str, ...]:
    return tuple(layer.name for layer in layers if layer and layer.kept)


def _named(name: str, layers: list[Layer | None]) -> str:
    """The name of a layer where there is one of it, else empty text."""
    return name if any(layer and layer.name == name for layer in layers) else ""


def _git_layer(config: Config, project: Project) -> Layer | None:
    """The layer with git, for a lock or packages that come from repositories."""
    requirements, lock = project.requirements, project.lock
    resolves = project.lock_file is None and requirements is not None and requirements.needs_git
    if not resolves and not (lock and any(map(git.is_repository, lock.packages))):
        return None
    span = _packages_span(config, project.lock_file)
    return git.git_layer(_user_env(config), agent=config.build.ssh is not None, span=span)


def _user_env(config: Config) -> tuple[tuple[str, str], ...]:
    return tuple((variable.name, variable.value) for variable in config.environment)


def _package_layers(
    config: Config, project: Project, before: list[Layer | None]
) -> tuple[Layer | None, ...]:
    """The layer with the lock and those of the groups in it."""
    requirements, found = project.requirements, project.lock_file
    if found is None and (requirements is None or requirements.is_empty):
        return ()
    installing = packages.Installing(
        span=_packages_span(config, found),
        env=_user_env(config),
        options=(
            *credentials.index_options(config.build.python_index),
            *(requirements.options if requirements else ()),
        ),
        logins=credentials.logins(config.build.python_index),
        keeps_files=config.build.cache is not None and config.build.cache.text == "state",
        system=_named(system.NAME, before),
        git=_named(git.NAME, before),
        compiling=cuda.compiling(project.stack),
        agent=config.build.ssh.text if config.build.ssh else "",
    )
    lock = _lock_layer(project, installing)
    if project.lock is None:
        return (lock,)
    return (*packages.group_layers(project.lock, installing, venv=python.VENV), lock)


def _lock_layer(project: Project, installing: packages.Installing) -> Layer | None:
    """The layer that works the lock out; None where the project brings it."""
    requirements, found = project.requirements, project.lock_file
    if found is not None:
        return packages.export_layer(found, installing) if found.is_uv else None
    assert requirements is not None  # or there is nothing to install
    return packages.lock_layer(
        requirements, installing, system_first=project.system_first, relock=project.relock
    )


def _packages_span(config: Config, found: LockFile | None) -> Span | None:
    build = config.build
    if found and found.span:
        return found.span
    if build.python_requirements:
        return build.python_requirements.span
    if not build.python_packages:
        return None
    first, last = build.python_packages[0], build.python_packages[-1]
    return Span(first.span.start_line, last.span.end_line)


def _runtime_layer(config: Config) -> Layer:
    copy = Copy(
        source="toolbox",
        path=layout.toolbox_runtime(config.python_minor),
        dest=layout.RUNTIME,
        title=f"[runtime] copy the server for Python {config.python_minor}",
        span=python_span(config),
    )
    return Layer(name="runtime", steps=(copy,))


def _metadata_layer(project: Project) -> Layer:
    """The schema, and the config as it was read: -f may name a file of any name and folder."""
    files = [File(path=layout.CONFIG, data=project.config_file[1])]
    title = "[schema] write cog.yaml"
    if project.schema:
        files.append(File(path=layout.SCHEMA, data=project.schema.encode()))
        title += " and the API schema"
    return Layer(name="schema", steps=(Write(files=tuple(files), title=title),))


def _source_layer(elsewhere: tuple[str, ...]) -> Layer:
    copy = Copy(
        source="project",
        path="/",
        dest=layout.SOURCE,
        title=f"[source] copy the project to {layout.SOURCE}",
        exclude=elsewhere,
    )
    return Layer(name="source", steps=(copy,))


def _image(config: Config, project: Project, base: Base, version: str) -> ImageSettings:
    return ImageSettings(
        env=(
            *base.env,
            *_runtime_env(config, project),
            *user.home_env(config.build.user),
            *_user_env(config),
        ),
        path=(layout.VENV_BIN, *cuda.image_path(gpu=config.build.gpu)),
        libraries=cuda.image_libraries(project.stack, config.python_minor, gpu=config.build.gpu),
        entrypoint=(layout.TINI, "--"),
        # -I and -S keep the user's folder and packages out of the server's import path.
        command=(layout.PYTHON, "-I", "-S", layout.SERVE),
        workdir=layout.SOURCE,
        ports=(f"{layout.PORT}/tcp",),
        labels=_labels(config, project, version),
        user=config.build.user.text if config.build.user else "",
    )


def _concurrency(config: Config, project: Project) -> int:
    if config.concurrency:
        return config.concurrency.max
    return project.concurrency or 1


def _runtime_env(config: Config, project: Project) -> tuple[tuple[str, str], ...]:
    env = [
        ("VIRTUAL_ENV", layout.VENV),
        ("PYTHONUNBUFFERED", "1"),
        ("COG_MAX_CONCURRENCY", str(_concurrency(config, project))),
    ]
    if config.predictor:
        env.append(("COG_PREDICT_TYPE_STUB", config.predictor.text))
    if config.train:
        env.append(("COG_TRAIN_TYPE_STUB", config.train.text))
    return (*env, *cuda.image_env(project.stack, gpu=config.build.gpu))


def _labels(config: Config, project: Project, version: str) -> tuple[tuple[str, str], ...]:
    return (
        *((name.text, value.text) for name, value in config.build.labels),
        ("run.cog.config", json.dumps(effective_config(config, project), separators=(",", ":"))),
        ("run.cog.has_init", "true"),
        ("run.cog.openapi_schema", project.schema),
        *_freeze(project.lock),
        ("run.cog.version", version),
    )


def _freeze(lock: Lock | None) -> tuple[tuple[str, str], ...]:
    """What is installed, as ``pip freeze`` prints it."""
    if lock is None:
        return ()
    lines = map(frozen, lock.packages)
    return (("run.cog.pip_freeze", "\n".join(line for line in lines if line)),)


def _cuda(stack: Stack) -> dict[str, str]:
    """The versions as Cog's keys have them."""
    return {"cuda": stack.cuda, "cudnn": stack.cudnn}


def effective_config(config: Config, project: Project) -> dict[str, object]:
    """The config as tools read it from the image's label: Cog's keys, defaults filled in.

    The predictor stands under ``predict`` whichever key the file used, as in Cog's images.
    """
    build: dict[str, object] = {"gpu": config.build.gpu, "python_version": config.python}
    stack = project.stack
    build |= {name: value for name, value in _cuda(stack).items() if config.build.gpu and value}
    if config.build.python_requirements:
        build["python_requirements"] = config.build.python_requirements.text
    if config.build.sdk_version:
        build["sdk_version"] = config.build.sdk_version.text
    if config.build.python_packages:
        build["python_packages"] = [package.text for package in config.build.python_packages]
    if config.build.system_packages:
        build["system_packages"] = [package.text for package in config.build.system_packages]
    if ordered := commands.in_order(config.build):
        build["run"] = [{"command": command.text} for command in ordered]
    effective: dict[str, object] = {"build": build}
    for key, value in (
        ("predict", config.predictor),
        ("train", config.train),
        ("image", config.image),
        ("model", config.model),
    ):
        if value:
            effective[key] = value.text
    if config.environment:
        effective["environment"] = [f"{item.name}={item.value}" for item in config.environment]
    effective["concurrency"] = {"max": _concurrency(config, project)}
    return effective
