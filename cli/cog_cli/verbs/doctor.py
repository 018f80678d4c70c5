"""``cog doctor``: what is typed to check a project against the rules."""

from __future__ import annotations

import click

from cog_cli import doctor as checking
from cog_cli.app import App
from cog_cli.flags import config_option
from cog_cli.verb import Verb


@click.command(
    cls=Verb,
    examples=(
        "cog doctor",
        "cog doctor --fix --skip NoIgnoreFile",
    ),
)
@config_option
@click.option("--fix", is_flag=True, help="Mend what can be mended without changing the image.")
@click.option("--skip", multiple=True, metavar="RULE", help="Leave a rule out; repeatable.")
@click.pass_obj
def doctor(app: App, config: str, *, fix: bool, skip: tuple[str, ...]) -> None:
    """Show what the rules find, at its lines; the status is 1 where something is left.

    Nothing is built, and no Docker is needed.
    """
    checking.doctor(app, config, fix=fix, skip=skip)
