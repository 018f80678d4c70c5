"""The flags that commands share, and the types of what they are parsed into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, TypeVar

import click

from cog_cli.app import BuildChoices
from cog_cli.project import CONFIG_NAME

Command = TypeVar("Command", bound=Callable[..., object])


class BuildFlags(TypedDict):
    """Flags of everything that builds."""

    config: str
    progress: str | None
    frontend: str | None
    builder: str | None
    via: str
    secret: tuple[str, ...]
    ssh: tuple[str, ...]
    build_context: tuple[str, ...]
    build_arg: tuple[str, ...]


class MakeFlags(BuildFlags):
    """Flags of everything that makes an image for others."""

    no_cache: bool
    separate_weights: bool
    pull: bool
    platform: tuple[str, ...]
    cache_from: tuple[str, ...]
    cache_to: tuple[str, ...]
    label: tuple[str, ...]
    annotation: tuple[str, ...]
    sbom: str | None
    provenance: str | None
    metadata_file: str | None


class ImageFlags(MakeFlags):
    """Flags of `cog build`."""

    tag: tuple[str, ...]
    target: str | None
    push: bool
    load: bool
    output: tuple[str, ...]


class PushFlags(MakeFlags):
    """Flags of `cog push`."""

    image: str | None


class LockFlags(BuildFlags):
    """Flags of `cog lock`."""

    platform: tuple[str, ...]
    upgrade: bool
    upgrade_package: tuple[str, ...]


class ContainerFlags(BuildFlags):
    """Flags of everything that runs a container."""

    gpus: str | None
    env: tuple[str, ...]


class ExecFlags(ContainerFlags):
    """Flags of `cog exec`."""

    words: tuple[str, ...]
    publish: tuple[str, ...]


class RunFlags(ContainerFlags):
    """Flags of everything that runs a model."""

    image: str | None
    setup_timeout: float


class PredictFlags(RunFlags):
    """Flags of a prediction."""

    pairs: tuple[str, ...]
    document: str | None
    output: Path | None


class ServeFlags(RunFlags):
    """Flags of `cog serve`."""

    host: str
    port: int


def _options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


# A path, so that shells complete it.
config_option = click.option(
    *("-f", "--file", "config"),
    type=click.Path(),
    metavar="FILE",
    default=CONFIG_NAME,
    help="The project's config file.",
)

build_options = _options(
    config_option,
    click.option(
        "--progress",
        type=click.Choice(["auto", "tty", "plain", "quiet"]),
        help="How the build is shown.",
    ),
    click.option("--frontend", metavar="IMAGE", help="Compile with this frontend's container."),
    click.option("--builder", metavar="NAME", help="Build on this builder of buildx."),
    click.option(
        "--via",
        type=click.Choice(["auto", "buildx"]),
        default="auto",
        help="buildx: hand the build to docker buildx.",
    ),
    click.option(
        "--secret", multiple=True, metavar="id=NAME,src=FILE", help="A secret for the build."
    ),
    click.option(
        "--ssh", multiple=True, metavar="default|ID=SOCKET", help="An SSH agent for the build."
    ),
    click.option("--build-context", multiple=True, metavar="NAME=VALUE", help="A named context."),
    click.option("--build-arg", multiple=True, metavar="NAME=VALUE", help="A build argument."),
)

container_options = _options(
    click.option("--gpus", metavar="GPUS", help="GPUs for the container, as docker names them."),
    click.option("-e", "--env", multiple=True, metavar="NAME=VALUE", help="Set a variable."),
)

run_options = _options(
    click.argument("image", required=False),
    container_options,
    click.option(
        "--setup-timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=300.0,
        show_default=True,
        metavar="SECONDS",
        help="How long the model may take to get ready.",
    ),
)

predict_options = _options(
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

make_options = _options(
    click.option("--no-cache", is_flag=True, help="Build everything anew."),
    click.option(
        "--separate-weights",
        is_flag=True,
        help="Weights in layers of their own, though none is over 64 MB.",
    ),
    click.option("--pull", is_flag=True, help="Ask registries for images that are here already."),
    click.option("--platform", multiple=True, metavar="OS/ARCH", help="Build for it. May repeat."),
    click.option("--cache-from", multiple=True, metavar="type=...", help="A cache to read."),
    click.option("--cache-to", multiple=True, metavar="type=...", help="A cache to write."),
    click.option("--label", multiple=True, metavar="NAME=VALUE", help="A label of the image."),
    click.option("--annotation", multiple=True, metavar="NAME=VALUE", help="An OCI annotation."),
    click.option("--sbom", metavar="true|...", help="Attach a list of what is in the image."),
    click.option("--provenance", metavar="true|false|mode=max", help="Attach how it was built."),
    click.option(
        "--metadata-file",
        type=click.Path(),
        metavar="FILE",
        help="Write what the builder says to a file.",
    ),
)

image_options = _options(
    click.option(
        "-t", "--tag", multiple=True, metavar="NAME", help="Name of the image. May repeat."
    ),
    click.option("--target", metavar="NAME", help="Build this part of the image."),
    click.option("--push", is_flag=True, help="Push the image instead of loading it."),
    click.option("--load", is_flag=True, help="Load the image, whatever else becomes of it."),
    click.option(
        "-o",
        "--output",
        multiple=True,
        metavar="FORMAT|type=TYPE,...",
        help="json: result on stdout. Else where the build goes: type=local,dest=FOLDER, "
        "type=tar|oci|docker,dest=FILE, type=image,push=true.",
    ),
    make_options,
)


def build_choices(flags: BuildFlags) -> BuildChoices:
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


def make_choices(flags: MakeFlags) -> BuildChoices:
    """Return what every command that makes an image for others lets one choose."""
    return replace(
        build_choices(flags),
        no_cache=flags["no_cache"],
        separate_weights=flags["separate_weights"],
        pull=flags["pull"],
        platforms=flags["platform"],
        labels=flags["label"],
        annotations=flags["annotation"],
        cache_from=flags["cache_from"],
        cache_to=flags["cache_to"],
        sbom=flags["sbom"],
        provenance=flags["provenance"],
        metadata_file=flags["metadata_file"],
    )
