"""From a project to an image: the request, the outcome, and who makes one of the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

# Types of outputs that are made of layers.
IMAGES = frozenset({"docker", "image", "oci"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What becomes of a build's result: an exporter of BuildKit, its attributes, its place here.

    ``type`` is ``docker`` (an image of the engine), ``image``, ``local``, ``tar`` or ``oci``.
    """

    type: str
    attributes: tuple[tuple[str, str], ...] = ()
    destination: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """A cache to read or to write, as ``--cache-from`` and ``--cache-to`` name it."""

    type: str
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontend:
    """What compiles the project.

    ``image`` names a frontend image. ``in_process``: it is the one of this command, which need not
    run in a container then; the images beside it are used all the same.
    """

    image: str
    in_process: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """One build.

    ``outputs`` is never empty; ``named`` are ``--build-context`` values, ``attestations`` are
    BuildKit's, by kind, with their options (None: not wanted, even where it is the default).
    """

    file: Path
    context: Path
    tags: tuple[str, ...]
    frontend: Frontend
    outputs: tuple[Output, ...] = (Output(type="docker"),)
    builder: str | None = None
    no_cache: bool = False
    pull: bool = False
    progress: str | None = None
    target: str | None = None
    platforms: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    build_args: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    cache_from: tuple[Cache, ...] = ()
    cache_to: tuple[Cache, ...] = ()
    attestations: dict[str, str | None] = field(default_factory=dict)
    metadata_file: Path | None = None


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """The image that was built: its name (empty: only files were made), and
    its digest where the builder tells it."""

    image: str
    digest: str | None


class Builder(Protocol):
    """Builds images, and files."""

    def build(self, request: BuildRequest) -> BuildOutcome:
        """Build; progress goes to stderr. CliError when it fails."""
        ...


def choose_frontend(
    *, chosen: str | None, own: str | None, syntax: str | None, released: str
) -> Frontend:
    """Return what a project is compiled with.

    ``chosen`` on the command line wins and runs in its container. ``own`` says where the images of
    this command are (a mirror), the released place otherwise; ``syntax`` is what the project's
    first line names. Only another frontend than this command's runs in a container.
    """
    if chosen:
        return Frontend(image=chosen, in_process=False)
    if own:
        return Frontend(image=own, in_process=True)
    return Frontend(image=syntax or released, in_process=syntax in {None, released})
