"""``cog init``: a new project."""

from __future__ import annotations

import click

from cog_cli import init
from cog_cli.app import App
from cog_cli.verb import Verb
from cog_frontend.version import FRONTEND

_TEMPLATES = "; ".join(f"{name}: {each.summary}" for name, each in init.TEMPLATES.items())


@click.command(
    "init",
    cls=Verb,
    examples=(
        "cog init",
        "cog init --template llm",
    ),
)
@click.option(
    "--template",
    type=click.Choice(list(init.TEMPLATES)),
    default=init.DEFAULT,
    show_default=True,
    help=f"What to start from. {_TEMPLATES}.",
)
@click.pass_obj
def init_(app: App, template: str) -> None:
    """Write the files of a new project into this folder; existing ones stay as they are."""
    written = init.write_missing(app.cwd, init.project_files(FRONTEND, template))
    for file in written:
        app.screen.note(f"wrote {file.name}" if file.is_new else f"kept {file.name}")
    if not all(file.is_new for file in written):
        app.screen.note(f"what was kept may not fit the template {template}: look it over")
    app.screen.note(f"next: cog run {init.TEMPLATES[template].example}")
