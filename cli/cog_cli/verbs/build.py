"""``cog build`` and ``cog lock``: what is typed for a build."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

import click

from cog_cli import commands
from cog_cli.app import App
from cog_cli.errors import EPILOG
from cog_cli.flags import ImageFlags, LockFlags, build_choices, build_options, image_options
from cog_frontend.plan import EVERYTHING

_FORMATS = frozenset({"text", "json"})


@click.command(epilog=EPILOG)
@image_options
@build_options
@click.pass_obj
def build(app: App, **flags: Unpack[ImageFlags]) -> None:
    """Build an image of the project in this folder or one above it."""
    outputs = tuple(each for each in flags["output"] if each not in _FORMATS)
    choices = replace(
        build_choices(flags),
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


@click.command(epilog=EPILOG)
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
    choices = replace(build_choices(flags), platforms=flags["platform"])
    upgrade = (EVERYTHING,) if flags["upgrade"] else flags["upgrade_package"]
    commands.lock(app, flags["config"], choices, upgrade)
