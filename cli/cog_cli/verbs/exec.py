"""``cog exec``: what is typed to run a command in the model's environment."""

from __future__ import annotations

from typing import Unpack

import click

from cog_cli import commands
from cog_cli.app import App
from cog_cli.flags import ExecFlags, build_choices, build_options, container_options
from cog_cli.ports import parse_ports
from cog_cli.verb import Verb


# What follows the command's first word is the command's.
@click.command(
    "exec",
    cls=Verb,
    context_settings={"allow_interspersed_args": False},
    examples=(
        "cog exec python -m pytest",
        "cog exec -p 8888 jupyter lab --ip 0.0.0.0",
    ),
)
@click.argument("words", metavar="COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option(
    "-p",
    "--publish",
    multiple=True,
    metavar="[HOST:]PORT",
    help="Reach this port of the command from here. May repeat.",
)
@container_options
@build_options
@click.pass_obj
def exec_(app: App, **flags: Unpack[ExecFlags]) -> None:
    """Run COMMAND in the environment of the project here, which is built first.

    The project's folder is at /src: what the command changes there stays.
    """
    commands.execute(
        app,
        flags["config"],
        build_choices(flags),
        commands.Work(
            command=flags["words"],
            ports=parse_ports(flags["publish"]),
            env=flags["env"],
            gpus=flags["gpus"],
        ),
    )
