"""``cog init``: a new project."""

from __future__ import annotations

import click

from cog_cli import init
from cog_cli.app import App
from cog_cli.errors import EPILOG
from cog_frontend.version import FRONTEND


@click.command("init", epilog=EPILOG)
@click.pass_obj
def init_(app: App) -> None:
    """Write the files of a new project into this folder; existing ones stay as they are."""
    for file in init.write_missing(app.cwd, init.project_files(FRONTEND)):
        app.screen.note(f"wrote {file.name}" if file.is_new else f"kept {file.name}")
    app.screen.note("next: cog run -i text=world")
