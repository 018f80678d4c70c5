"""One prediction: inputs judged, a container for its time, the output shown or written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cog_cli import docker as docker_cli
from cog_cli.docker import Docker, Image
from cog_cli.errors import CliError
from cog_cli.inputs import Values, parse_document, parse_inputs
from cog_cli.interface import LABEL, Interface, Task, interface
from cog_cli.outputs import present, write
from cog_cli.screen import Screen

# The label with the config that an image was built from; Cog writes it too.
_CONFIG_LABEL = "run.cog.config"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The inputs as typed: pairs of name and value, or one JSON object."""

    pairs: tuple[tuple[str, str], ...] = ()
    document: str | None = None

    def values(self, model: Interface) -> Values:
        """Return the inputs of a prediction; InputProblem with everything wrong in them."""
        if self.document is not None:
            return parse_document(self.document, model)
        return parse_inputs(self.pairs, model, Path.read_bytes)


def find_image(docker: Docker, name: str) -> Image:
    """Return an image of this machine, pulled if it is not here; CliError when there is none."""
    docker_cli.require_docker(docker)
    image = docker_cli.inspect_image(docker, name)
    if image is None:
        docker_cli.pull(docker, name)
        image = docker_cli.inspect_image(docker, name)
    if image is None:
        raise CliError(f"image '{name}' was pulled but is not there")
    return image


def image_interface(image: Image, name: str, task: Task) -> Interface:
    """Return what a model image takes and returns; CliError for any other image."""
    text = image.labels.get(LABEL)
    if not text:
        raise CliError(f"'{name}' is no model image: it has no label {LABEL}")
    return interface(text, task)


def wants_gpu(image: Image) -> bool:
    """Whether the image was built from a config with ``gpu: true``."""
    try:
        config = json.loads(image.labels.get(_CONFIG_LABEL, "{}"))
    except ValueError:
        return False
    build = config.get("build") if isinstance(config, dict) else None
    return isinstance(build, dict) and build.get("gpu") is True


def succeeded(answer: dict[str, Any]) -> object:
    """Return the output of a prediction; CliError with its reason if it has none."""
    status = answer.get("status")
    if status == "succeeded":
        return answer.get("output")
    if status == "canceled":
        raise CliError("the prediction was canceled")
    # Servers of Cog begin the reason with these words, too.
    reason = str(answer.get("error") or "no reason was given")
    raise CliError(f"the prediction failed: {reason.removeprefix('Prediction failed: ')}")


def show(output: object, model: Interface, destination: Path | None, screen: Screen) -> None:
    """Show an output on ``screen`` and write its files; with a destination texts become a file."""
    if output is None:
        screen.note("the model returned no output")
        return
    is_folder = destination is not None and destination.is_dir()
    presented = present(output, model, destination, is_folder=is_folder)
    for path in write(presented.files):
        screen.note(f"wrote {path}")
    if presented.text is None:
        return
    if destination is None or is_folder or presented.files:
        screen.out(presented.text)
    else:
        write_text(destination, presented.text, screen)


def write_text(destination: Path, text: str, screen: Screen) -> None:
    """Write a text output to a file and say so."""
    try:
        destination.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CliError(f"cannot write {destination}: {error.strerror}") from error
    screen.note(f"wrote {destination}")
