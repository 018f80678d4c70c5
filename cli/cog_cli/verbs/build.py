"""``cog build``, ``cog push`` and ``cog lock``: what is typed for a build."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

import click

from cog_cli import commands
from cog_cli.app import App
from cog_cli.flags import (
    ImageFlags,
    LockFlags,
    PushFlags,
    build_choices,
    build_options,
    image_options,
    make_choices,
    make_options,
)
from cog_cli.verb import Verb
from cog_frontend.plan import EVERYTHING

_FORMATS = frozenset({"text", "json"})


@click.command(
    cls=Verb,
    examples=(
        "cog build -t my-model",
        "cog build --platform linux/amd64,linux/arm64 --push -t registry.example/me/model",
        "cog build --secret id=token,src=token.txt",
        "cog build -o type=oci,dest=model.tar",
    ),
)
@image_options
@build_options
@click.pass_obj
def build(app: App, **flags: Unpack[ImageFlags]) -> None:
    """Build an image of the project in this folder or one above it."""
    outputs = tuple(each for each in flags["output"] if each not in _FORMATS)
    choices = replace(
        make_choices(flags),
        tags=flags["tag"],
        target=flags["target"],
        outputs=outputs,
        push=flags["push"],
        load=flags["load"],
    )
    commands.build(app, flags["config"], choices, as_json="json" in flags["output"])


@click.command(
    cls=Verb,
    examples=(
        "cog push registry.example/me/model:1",
        "cog push --sbom true --provenance mode=max",
    ),
)
@click.argument("image", required=False)
@make_options
@build_options
@click.pass_obj
def push(app: App, **flags: Unpack[PushFlags]) -> None:
    """Build an image of the project and push it to IMAGE.

    Without IMAGE it goes to what cog.yaml calls `image` or `model`. Registry logins are Docker's.
    """
    commands.push(app, flags["config"], flags["image"], make_choices(flags))


@click.command(
    cls=Verb,
    examples=(
        "cog lock",
        "cog lock --platform linux/amd64,linux/arm64",
        "cog lock -P torch",
    ),
)
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
