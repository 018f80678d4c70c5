"""Every key of cog.yaml: its shape, and what it means in a sentence that editors show."""

from __future__ import annotations

from collections.abc import Iterator

from cog_frontend.config import texts
from cog_frontend.config.entries import COMMAND, COMPRESSION, COPY, INDEX, WEIGHT
from cog_frontend.config.model import (
    Build,
    Concurrency,
    Config,
    CopyEntry,
    Index,
    Located,
    Variable,
    Weight,
)
from cog_frontend.config.sections import Key, ListOf, MapOf, Section
from cog_frontend.config.shapes import Boolean, Complaint, Whole, Word
from cog_frontend.errors import Span, shown

_LAST = "its commands run after those of build.run: move them to its end"


def _twice(named: list[tuple[str, Span | None]]) -> Iterator[Complaint]:
    """Complain of each name after the first that is the same."""
    first: dict[str, Span | None] = {}
    for name, span in named:
        if name in first:
            before = first[name]
            line = before.start_line if before else 0
            yield Complaint(f": {shown(name)} is set twice, first: line {line}", span=span)
        first.setdefault(name, span)


def _variables(items: tuple[Variable, ...]) -> Iterator[Complaint]:
    yield from _twice([(item.name, item.span) for item in items])


def _platforms(items: tuple[Located, ...]) -> Iterator[Complaint]:
    yield from _twice([(item.text, item.span) for item in items])


def _indexes(items: tuple[Index, ...]) -> Iterator[Complaint]:
    """No two of a name, and one in the place of PyPI at most."""
    yield from _twice([(item.name.text, item.name.span) for item in items if item.name])
    defaults = [item for item in items if item.default]
    for item in defaults[1:]:
        first = defaults[0].url
        message = f": {first.text} (line {first.span.start_line}) takes PyPI's place already"
        yield Complaint(message, "remove default: true from one of them", item.span)


def _targets(items: tuple[CopyEntry, ...]) -> Iterator[Complaint]:
    yield from _twice([(item.target, item.span) for item in items])


def _weights(items: tuple[Weight, ...]) -> Iterator[Complaint]:
    """No two of a name, and no target inside another's."""
    yield from _twice([(item.name.text, item.name.span) for item in items if item.name])
    # In this order, what is in a folder stands right behind it.
    targets = sorted((item.target for item in items), key=lambda target: f"{target.text}/")
    above: Located | None = None
    for target in targets:
        if above and f"{target.text}/".startswith(f"{above.text}/"):
            first, second = sorted((above, target), key=lambda each: each.span.start_line)
            message = f": the targets {shown(first.text)} (line {first.span.start_line}) and"
            yield Complaint(f"{message} {shown(second.text)} overlap", span=second.span)
        else:
            above = target


def _build(build: Build) -> Iterator[Complaint]:
    if build.python_requirements and build.python_packages:
        yield Complaint(
            ": only one of python_packages or python_requirements can be set, not both",
            "move the packages into the requirements file",
            build.python_requirements.span,
        )


def _concurrency(*, max: int, span: Span, default_target: int = 0) -> Concurrency:
    # Cog's schema lists default_target and Cog never reads it.
    return Concurrency(max=max, span=span)


def _config(config: Config) -> Iterator[Complaint]:
    if config.run and config.predict:
        message = "only one of run or predict can be set"
        yield Complaint(message, "remove predict, the older name", config.predict.span)
    if config.image and config.model:
        message = "only one of image or model can be set"
        yield Complaint(message, "both name the image", config.model.span)


BUILD = Section(
    Build,
    {
        "python_version": Key(texts.PYTHON, "The Python to build for; default: 3.13."),
        "python_requirements": Key(texts.PATH, "A requirements file of the project."),
        "python_packages": Key(
            ListOf(texts.ANY, most=None),
            "Requirement lines.",
            instead='use "python_requirements" instead',
        ),
        "python_index": Key(
            ListOf(INDEX, _indexes), "Package indexes beside PyPI, or in its place."
        ),
        "lock": Key(texts.PATH, "The lock file to install from."),
        "system_packages": Key(
            ListOf(texts.SYSTEM_PACKAGE, most=None), "Debian packages to install."
        ),
        "copy": Key(ListOf(COPY, _targets), "Files of the project that the commands of run find."),
        "run": Key(ListOf(COMMAND), "Commands to run once all packages are installed."),
        "pre_install": Key(ListOf(COMMAND), "Commands to run after run.", instead=_LAST),
        "ssh": Key(texts.SECRET, "The SSH agent that commands and package installs may use."),
        "gpu": Key(Boolean(), "Whether the model uses a GPU."),
        "cuda": Key(texts.CUDA, "The CUDA to build for; default: what the framework needs."),
        "cudnn": Key(texts.CUDNN, "The cuDNN to build for; default: what the framework needs."),
        "sdk_version": Key(texts.SDK, "The release of Cog's SDK the model was written for."),
        "base": Key(texts.IMAGE, "The image to build on; it has Python."),
        "platforms": Key(
            ListOf(texts.PLATFORM, _platforms), "What to build for when the command does not say."
        ),
        "user": Key(texts.USER, "Who the model runs as; default: root."),
        "labels": Key(MapOf(texts.LABEL, texts.LABEL_VALUE), "Labels of the image."),
        "cache": Key(Word("mount", "state"), "Where downloaded packages are kept."),
        "compression": Key(COMPRESSION, "How clients should have the layers compressed."),
    },
    _build,
)

CONFIG = Section(
    Config,
    {
        "build": Key(BUILD, "What the image is made of."),
        "run": Key(texts.PREDICTOR, "What predicts: file.py:Name of a class or a function."),
        "predict": Key(
            texts.PREDICTOR, "What predicts, under its older name.", instead='use "run" instead'
        ),
        "train": Key(texts.TRAINER, "What trains: file.py:Name of a class or a function."),
        "image": Key(texts.ANY, "What the image is called."),
        "model": Key(texts.REPOSITORY, "What the image is called: a repository without a tag."),
        "concurrency": Key(
            Section(
                _concurrency,
                {
                    "max": Key(
                        Whole(1, 999999), "Predictions that may run at once.", required=True
                    ),
                    "default_target": Key(Whole(1, 999999), "Not used."),
                },
                located=True,
            ),
            "How many predictions run at once.",
            instead='use "@cog.concurrent(max=N)" instead',
        ),
        "environment": Key(
            ListOf(
                texts.VARIABLE, _variables, hint="write each entry as '- NAME=value'", most=None
            ),
            "Variables of the build and of the running image, as NAME=value.",
        ),
        "weights": Key(ListOf(WEIGHT, _weights), "Files that stand in layers of their own."),
    },
    _config,
)


def config_keys() -> frozenset[str]:
    """Every key, dotted: what the documentation must describe."""
    build = {f"build.{name}" for name in BUILD.keys}
    top = set(CONFIG.keys) - {"build", "concurrency"}
    return frozenset(top | build | {"concurrency.max"})
