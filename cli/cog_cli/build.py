"""From a project to an image: the request, the outcome, and who makes one of the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """One build. ``frontend`` None: the file's own syntax line decides.

    ``agents`` are SSH agents as buildx names them, ``certificates`` authorities to trust. With
    ``target``, files are made instead of an image: they go into the folder ``output``.
    """

    file: Path
    context: Path
    tags: tuple[str, ...]
    frontend: str | None = None
    no_cache: bool = False
    progress: str | None = None
    secrets: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    certificates: str = ""
    platforms: tuple[str, ...] = ()
    push: bool = False
    target: str = ""
    output: Path | None = None


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """The image that was built: its name, and its digest where the builder tells it."""

    image: str
    digest: str | None


class Builder(Protocol):
    """Builds images, and files."""

    def build(self, request: BuildRequest) -> BuildOutcome:
        """Build; progress goes to stderr. CliError when it fails."""
        ...

    def export(self, request: BuildRequest) -> None:
        """Write the files of a target; progress goes to stderr. CliError when it fails."""
        ...


def choose_frontend(chosen: str | None, default: str, *, has_syntax: bool) -> str | None:
    """Return the frontend image to build with; None leaves it to the file's syntax line.

    ``chosen`` (option or environment) wins over the line, the line over ``default``.
    """
    return chosen or (None if has_syntax else default)
