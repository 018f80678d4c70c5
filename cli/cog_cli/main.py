"""The ``cog`` command: arguments in, one command run, an exit status out.

Every error of a command becomes one text on stderr here, and nowhere else.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TypedDict, TypeVar, Unpack

import click

from cog_cli import commands, init
from cog_cli.app import App, BuildChoices, RunChoices
from cog_cli.buildx import BuildxBuilder
from cog_cli.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, CliError
from cog_cli.inputs import split_pair
from cog_cli.model import Clock
from cog_cli.predict import Given
from cog_cli.process import DockerCommand
from cog_cli.project import CONFIG_NAME
from cog_cli.screen import screen
from cog_frontend.errors import FrontendError
from cog_frontend.version import FRONTEND, VERSION

_EPILOG = "Exit status: 0 success, 1 failure, 2 wrong usage or inputs, 130 interrupted."
_SETTINGS = {"help_option_names": ["-h", "--help"]}

Command = TypeVar("Command", bound=Callable[..., object])


class _BuildFlags(TypedDict):
    config: str
    progress: str | None
    frontend: str | None
    secret: tuple[str, ...]
    ssh: tuple[str, ...]


class _ImageFlags(_BuildFlags):
    tag: tuple[str, ...]
    no_cache: bool
    platform: tuple[str, ...]
    push: bool
    output: str


class _LockFlags(_BuildFlags):
    platform: tuple[str, ...]


class _RunFlags(_BuildFlags):
    image: str | None
    gpus: str | None
    env: tuple[str, ...]
    setup_timeout: float


class _PredictFlags(_RunFlags):
    pairs: tuple[str, ...]
    document: str | None
    output: Path | None


class _ServeFlags(_RunFlags):
    host: str
    port: int


def _options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_build_options = _options(
    click.option("-f", "--file", "config", default=CONFIG_NAME, help="The project's config file."),
    click.option(
        "--progress",
        type=click.Choice(["auto", "tty", "plain", "quiet"]),
        help="How the build is shown.",
    ),
    click.option("--frontend", metavar="IMAGE", help="Frontend image; also COGKIT_FRONTEND."),
    click.option(
        "--secret", multiple=True, metavar="id=NAME,src=FILE", help="A secret for the build."
    ),
    click.option("--ssh", multiple=True, metavar="ID[=SOCKET]", help="An SSH agent for the build."),
)

_run_options = _options(
    click.argument("image", required=False),
    click.option("--gpus", metavar="GPUS", help="GPUs for the container, as docker names them."),
    click.option("-e", "--env", multiple=True, metavar="NAME=VALUE", help="Set a variable."),
    click.option(
        "--setup-timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=300.0,
        show_default=True,
        metavar="SECONDS",
        help="How long the model may take to get ready.",
    ),
)

_predict_options = _options(
    click.option(
        "-i",
        "--input",
        "pairs",
        multiple=True,
        metavar="NAME=VALUE",
        help="An input; @FILE for a file. Again for another one.",
    ),
    click.option(
        "--json", "document", metavar="JSON", help="All inputs: JSON, @FILE or - (stdin)."
    ),
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="Where the output is written.",
    ),
)


@click.group(context_settings=_SETTINGS, epilog=_EPILOG)
@click.version_option(VERSION, prog_name="cog", message="%(prog)s version %(version)s (cogkit)")
def cli() -> None:
    """Build, run and serve machine learning models from a cog.yaml."""


@cli.command(epilog=_EPILOG, short_help="Build an image of the project.")
@click.option("-t", "--tag", multiple=True, metavar="NAME", help="Name of the image. May repeat.")
@_build_options
@click.option("--no-cache", is_flag=True, help="Build everything anew.")
@click.option("--platform", multiple=True, metavar="OS/ARCH", help="Build for it. May repeat.")
@click.option("--push", is_flag=True, help="Push the image instead of loading it.")
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", help="json: result on stdout."
)
@click.pass_obj
def build(app: App, **flags: Unpack[_ImageFlags]) -> None:
    """Build an image of the project in this folder or one above it."""
    choices = BuildChoices(
        tags=flags["tag"],
        no_cache=flags["no_cache"],
        platforms=flags["platform"],
        push=flags["push"],
        frontend=flags["frontend"],
        progress=flags["progress"],
        secrets=flags["secret"],
        agents=flags["ssh"],
    )
    commands.build(app, flags["config"], choices, as_json=flags["output"] == "json")


@cli.command(epilog=_EPILOG, short_help="Write pylock.toml: the packages of all later builds.")
@_build_options
@click.option("--platform", multiple=True, metavar="OS/ARCH", help="Lock for it. May repeat.")
@click.pass_obj
def lock(app: App, **flags: Unpack[_LockFlags]) -> None:
    """Resolve the requirements of the project and write pylock.toml next to its cog.yaml."""
    choices = BuildChoices(
        platforms=flags["platform"],
        frontend=flags["frontend"],
        progress=flags["progress"],
        secrets=flags["secret"],
    )
    commands.lock(app, flags["config"], choices)


@cli.command(epilog=_EPILOG, short_help="Run one prediction.")
@_run_options
@_predict_options
@_build_options
@click.pass_obj
def predict(app: App, **flags: Unpack[_PredictFlags]) -> None:
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
@_run_options
@click.option("-p", "--port", type=click.IntRange(1, 65535), default=8393, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@_build_options
@click.pass_obj
def serve(app: App, **flags: Unpack[_ServeFlags]) -> None:
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


@cli.command("init", epilog=_EPILOG, short_help="Write the files of a new project.")
@click.pass_obj
def init_(app: App) -> None:
    """Write the files of a new project into this folder; existing ones stay as they are."""
    for file in init.write_missing(app.cwd, init.project_files(FRONTEND)):
        app.screen.note(f"wrote {file.name}" if file.is_new else f"kept {file.name}")
    app.screen.note("next: cog predict -i text=world")


# Cog's newer name for the same.
cli.add_command(predict, "run")


def _source(app: App, flags: _RunFlags) -> commands.Source:
    """Return what is to run: an image or a project, and how."""
    return commands.Source(
        image=flags["image"],
        config=flags["config"],
        build=BuildChoices(
            frontend=flags["frontend"],
            progress=flags["progress"],
            secrets=flags["secret"],
            agents=flags["ssh"],
        ),
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
    docker = DockerCommand(os.environ)
    return App(
        docker=docker,
        builder=BuildxBuilder(docker),
        screen=screen(os.environ),
        clock=Clock(time.monotonic, time.sleep),
        env=os.environ,
        cwd=Path.cwd(),
        token=lambda: secrets.token_hex(4),
    )


def _terminate(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
