"""``cog explain``: what is typed to see a plan."""

from __future__ import annotations

import click

from cog_cli import commands
from cog_cli.app import App
from cog_cli.flags import config_option
from cog_cli.verb import Verb


@click.command(
    cls=Verb,
    examples=(
        "cog explain",
        "cog explain --why-rebuilt my-model",
    ),
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="For a program: docs/explain.schema.json.")
@click.option("--why-rebuilt", metavar="IMAGE", help="What changed since IMAGE was built.")
@click.pass_obj
def explain(app: App, config: str, *, as_json: bool, why_rebuilt: str | None) -> None:
    """Show every decision with its reason and its line, and the layers of the image.

    Sizes and groups of packages are those of the project's image, where it has been built.
    """
    commands.explain(app, config, why_rebuilt=why_rebuilt, as_json=as_json)
