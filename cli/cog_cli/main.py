"""The ``cog`` command: arguments in, one command run, an exit status out.

Every error of a command becomes one text on stderr here, and nowhere else.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Unpack

import click

from cog_cli import commands, init
from cog_cli import doctor as checking
from cog_cli.app import App, BuildChoices, RunChoices
from cog_cli.builder.native import NativeBuilder
from cog_cli.buildx import BuildxBuilder
from cog_cli.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, CliError
from cog_cli.flags import (
    BuildFlags,
    ImageFlags,
    LockFlags,
    PredictFlags,
    RunFlags,
    ServeFlags,
    build_options,
    image_options,
    predict_options,
    run_options,
)
from cog_cli.inputs import split_pair
from cog_cli.model import Clock
from cog_cli.predict import Given
from cog_cli.process import DockerCommand
from cog_cli.project import CONFIG_NAME
from cog_cli.screen import screen
from cog_frontend.errors import FrontendError
from cog_frontend.plan import EVERYTHING
from cog_frontend.version import FRONTEND, VERSION

_EPILOG = "Exit status: 0 success, 1 failure, 2 wrong usage or inputs, 130 interrupted."
_FORMATS = frozenset({"text", "json"})
_SETTINGS = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_SETTINGS, epilog=_EPILOG)
@click.version_option(VERSION, prog_name="cog", message="%(prog)s version %(version)s (cogkit)")
def cli() -> None:
    """Build, run and serve machine learning models from a cog.yaml."""


@cli.command(epilog=_EPILOG, short_help="Build an image of the project.")
@image_options
@build_options
@click.pass_obj
def build(app: App, **flags: Unpack[ImageFlags]) -> None:
    """Build an image of the project in this folder or one above it."""
    outputs = tuple(each for each in flags["output"] if each not in _FORMATS)
    choices = replace(
        _build_choices(flags),
        tags=flags["tag"],
        no_cache=flags["no_cache"],
        separate_weights=flags["separate_weights"],
        pull=flags["pull"],
        target=flags["target"],
        platforms=flags["platform"],
        labels=flags["label"],
        annotations=flags["annotation"],
        cache_from=flags["cache_from"],
        cache_to=flags["cache_to"],
        outputs=outputs,
        push=flags["push"],
        load=flags["load"],
        sbom=flags["sbom"],
        provenance=flags["provenance"],
        metadata_file=flags["metadata_file"],
    )
    commands.build(app, flags["config"], choices, as_json="json" in flags["output"])


@cli.command(epilog=_EPILOG, short_help="Write pylock.toml: the packages of all later builds.")
@build_options
@click.option("--platform", multiple=True, metavar="OS/ARCH", help="Lock for it. May repeat.")
@click.option("-U", "--upgrade", is_flag=True, help="Let every package move to a newer version.")
@click.option(
    "-P", "--upgrade-package", multiple=True, metavar="NAME", help="Let this one move. May repeat."
)
@click.pass_obj
def lock(app: App, **flags: Unpack[LockFlags]) -> None:
    """Resolve the requirements of the project and write pylock.toml next to its cog.yaml.

    Versions in the file that is there stay where they still satisfy the requirements.
    """
    choices = replace(_build_choices(flags), platforms=flags["platform"])
    upgrade = (EVERYTHING,) if flags["upgrade"] else flags["upgrade_package"]
    commands.lock(app, flags["config"], choices, upgrade)


@cli.command(epilog=_EPILOG, short_help="Run one prediction.")
@run_options
@predict_options
@build_options
@click.pass_obj
def predict(app: App, **flags: Unpack[PredictFlags]) -> None:
    """Run one prediction with IMAGE, or with the project here, which is built first.

    The output goes to stdout or, if it is files, into output.<ext>; logs go to stderr.
    """
    given = Given(
        pairs=tuple(map(split_pair, flags["pairs"])), document=_document(flags["document"])
    )
    if given.pairs and given.document is not None:
        raise click.UsageError("-i and --json cannot be used together")
    source = _source(app, flags)
    commands.predict(app, source, given, flags["output"])


@cli.command(epilog=_EPILOG, short_help="Serve a model over HTTP.")
@run_options
@click.option("-p", "--port", type=click.IntRange(1, 65535), default=8393, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@build_options
@click.pass_obj
def serve(app: App, **flags: Unpack[ServeFlags]) -> None:
    """Serve IMAGE, or the project here, which is built first, until Ctrl-C."""
    commands.serve(app, _source(app, flags), host=flags["host"], port=flags["port"])


@cli.command(epilog=_EPILOG, short_help="Show what is decided for the project, and why.")
@click.option("-f", "--file", "config", default=CONFIG_NAME, help="The project's config file.")
@click.option("--json", "as_json", is_flag=True, help="For a program: docs/explain.schema.json.")
@click.option("--why-rebuilt", metavar="IMAGE", help="What changed since IMAGE was built.")
@click.pass_obj
def explain(app: App, config: str, *, as_json: bool, why_rebuilt: str | None) -> None:
    """Show every decision with its reason and its line, and the layers of the image.

    Sizes and groups of packages are those of the project's image, where it has been built.
    """
    commands.explain(app, config, why_rebuilt=why_rebuilt, as_json=as_json)


@cli.command(epilog=_EPILOG, short_help="Check the project against the rules of docs/lint.md.")
@click.option("-f", "--file", "config", default=CONFIG_NAME, help="The project's config file.")
@click.option("--fix", is_flag=True, help="Mend what can be mended without changing the image.")
@click.option("--skip", multiple=True, metavar="RULE", help="Leave a rule out; repeatable.")
@click.pass_obj
def doctor(app: App, config: str, *, fix: bool, skip: tuple[str, ...]) -> None:
    """Show what the rules find, at its lines; the status is 1 where something is left.

    Nothing is built, and no Docker is needed.
    """
    checking.doctor(app, config, fix=fix, skip=skip)


@cli.command("init", epilog=_EPILOG, short_help="Write the files of a new project.")
@click.pass_obj
def init_(app: App) -> None:
    """Write the files of a new project into this folder; existing ones stay as they are."""
    for file in init.write_missing(app.cwd, init.project_files(FRONTEND)):
        app.screen.note(f"wrote {file.name}" if file.is_new else f"kept {file.name}")
    app.screen.note("next: cog predict -i text=world")


# Cog's newer name for the same.
cli.add_command(predict, "run")


def _build_choices(flags: BuildFlags) -> BuildChoices:
    """Return what every command that builds lets one choose."""
    return BuildChoices(
        frontend=flags["frontend"],
        builder=flags["builder"],
        via_buildx=flags["via"] == "buildx",
        progress=flags["progress"],
        secrets=flags["secret"],
        ssh=flags["ssh"],
        contexts=flags["build_context"],
        build_args=flags["build_arg"],
    )


def _source(app: App, flags: RunFlags) -> commands.Source:
    """Return what is to run: an image or a project, and how."""
    return commands.Source(
        image=flags["image"],
        config=flags["config"],
        build=_build_choices(flags),
        run=RunChoices(gpus=flags["gpus"], env=flags["env"], setup_timeout=flags["setup_timeout"]),
    )


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


def main(argv: Sequence[str] | None = None, app: App | None = None) -> int:
    """Run ``cog`` with ``argv`` (default: the process's) and return the exit status.

    ``app`` is the world outside; the real one by default.
    """
    app = app or this_process()
    try:
        cli.main(args=argv, prog_name="cog", obj=app, standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except (KeyboardInterrupt, click.Abort):
        app.screen.note("interrupted")
        return EXIT_INTERRUPTED
    except (CliError, FrontendError) as error:
        app.screen.error(str(error))
        return error.exit_status if isinstance(error, CliError) else EXIT_FAILED
    return EXIT_OK


def this_process() -> App:
    """Return the world of this process: docker on PATH, the clock, the current folder."""
    # A killed command removes its container as an interrupted one does.
    signal.signal(signal.SIGTERM, _terminate)
    docker, shown = DockerCommand(os.environ), screen(os.environ)
    return App(
        docker=docker,
        builder=NativeBuilder(
            env=os.environ,
            home=Path.home(),
            cwd=Path.cwd(),
            screen=shown,
            clock=time.time,
            load=lambda: docker.feed("load", "--quiet"),
        ),
        buildx=BuildxBuilder(docker),
        screen=shown,
        clock=Clock(time.monotonic, time.sleep),
        env=os.environ,
        cwd=Path.cwd(),
        token=lambda: secrets.token_hex(4),
    )


def _terminate(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
