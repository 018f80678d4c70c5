"""``cog run``, ``cog serve`` and ``cog train``: what is typed to run a model."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import click

from cog_cli import commands
from cog_cli.app import App, RunChoices
from cog_cli.errors import CliError
from cog_cli.flags import (
    PredictFlags,
    RunFlags,
    ServeFlags,
    build_choices,
    build_options,
    predict_options,
    run_options,
)
from cog_cli.inputs import split_pair
from cog_cli.interface import TRAIN
from cog_cli.predict import Given
from cog_cli.verb import Verb


@click.command(
    cls=Verb,
    examples=(
        "cog run -i text=world",
        "cog run my-model -i image=@picture.png -o result.png",
        'cog run my-model --json \'{"text": "world"}\'',
        "cog run my-model --json @inputs.json",
    ),
)
@run_options
@predict_options
@build_options
@click.pass_obj
def run(app: App, **flags: Unpack[PredictFlags]) -> None:
    """Run one prediction with IMAGE, or with the project here, which is built first.

    The output goes to stdout or, if it is files, into output.<ext>; logs go to stderr.
    """
    commands.predict(app, _source(app, flags), _given(flags), flags["output"])


@click.command(cls=Verb, hidden=True, examples=("cog train -i steps=100",))
@run_options
@predict_options
@build_options
@click.pass_obj
def train(app: App, **flags: Unpack[PredictFlags]) -> None:
    """Run one training with IMAGE, or with the project here, which is built first.

    Files of the output go to `weights`, or where -o says.
    """
    app.screen.note('"cog train" is deprecated and will be removed')
    given = _given(flags)
    # --json shows the whole answer, as with `cog run`.
    default = Path("weights") if given.document is None else None
    source = replace(_source(app, flags), task=TRAIN)
    commands.predict(app, source, given, flags["output"] or default)


@click.command(cls=Verb, hidden=True)
@run_options
@predict_options
@build_options
@click.pass_context
def predict(context: click.Context, **_flags: Unpack[PredictFlags]) -> None:
    """Run one prediction: the old name of `cog run`."""
    deprecated(context.obj, "predict", "run")
    context.forward(run)


@click.command(
    cls=Verb,
    examples=(
        "cog serve",
        "cog serve my-model -p 8000 -e COG_LOG_LEVEL=debug",
    ),
)
@run_options
@click.option("-p", "--port", type=click.IntRange(1, 65535), default=8393, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@build_options
@click.pass_obj
def serve(app: App, **flags: Unpack[ServeFlags]) -> None:
    """Serve IMAGE, or the project here, which is built first, until Ctrl-C."""
    commands.serve(app, _source(app, flags), host=flags["host"], port=flags["port"])


def deprecated(app: App, old: str, new: str) -> None:
    """Say that a command has another name now; Cog's sentence."""
    app.screen.note(f'"cog {old}" is deprecated, use "cog {new}"')


def _source(app: App, flags: RunFlags) -> commands.Source:
    """Return what is to run: an image or a project, and how."""
    return commands.Source(
        image=flags["image"],
        config=flags["config"],
        build=build_choices(flags),
        run=RunChoices(gpus=flags["gpus"], env=flags["env"], setup_timeout=flags["setup_timeout"]),
    )


def _given(flags: PredictFlags) -> Given:
    """Return the inputs as they were typed."""
    given = Given(
        pairs=tuple(map(split_pair, flags["pairs"])), document=_document(flags["document"])
    )
    if given.pairs and given.document is not None:
        raise click.UsageError("-i and --json cannot be used together")
    return given


def _document(text: str | None) -> str | None:
    """Return the JSON text that ``--json`` means."""
    if text is None or not text.startswith(("@", "-")):
        return text
    if text in {"-", "@-"}:
        return sys.stdin.read()
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except OSError as error:
        raise CliError(f"cannot read {text[1:]}: {error.strerror}") from error
