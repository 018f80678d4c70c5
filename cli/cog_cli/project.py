"""The project around the current folder: found, read and judged before any Docker is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from cog_cli.builder.tree import GO_IRREGULAR, Filter, walk
from cog_cli.errors import CliError
from cog_cli.report import describe
from cog_frontend import plan
from cog_frontend.config import Config, is_inside, read_config
from cog_frontend.context import IGNORE_FILE
from cog_frontend.errors import ProjectError
from cog_frontend.ignore import ignore_patterns
from cog_frontend.patterns import PatternError
from cog_frontend.project import read_project
from cog_frontend.version import VERSION

CONFIG_NAME = "cog.yaml"
# BuildKit reads the directive from the first line (frontend/dockerfile/parser/directives.go).
_SYNTAX = re.compile(rb"\s*#\s*syntax\s*=\s*(\S+)")
# Docker's reference grammar allows these in a path component (distribution/reference).
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_NAME_LIMIT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder with a config that was read without problems.

    ``facts`` is what a plan is made from; ``schema`` is the OpenAPI document of its predictor,
    empty when the config names none. ``syntax`` is the frontend image that the config's first
    line names.
    """

    root: Path
    file: Path
    config: Config
    facts: plan.Project
    schema: str
    syntax: str | None

    @property
    def record(self) -> plan.Record:
        """What its plan is made of, without the packages that only a build works out.

        CliError where the folder cannot be listed.
        """
        facts = replace(self.facts, known=plan.Known(project=_listing(self.root, self.file)))
        planned = plan.make_plan(self.config, facts, version=VERSION)
        return plan.record(planned, config_file=self.file.name, version=VERSION)

    @property
    def image(self) -> str:
        """The image's name: ``image`` in the config, else ``cog-`` and the folder's name."""
        return self.config.name.text if self.config.name else default_image(self.root.name)

    @property
    def environment(self) -> str:
        """The name of the image of its environment alone, which no build of the project takes."""
        return f"{default_image(self.root.name)}-base"


def default_image(folder: str) -> str:
    """Return the name of the image of a project in ``folder``: valid in any case."""
    name = _NOT_IN_A_NAME.sub("-", folder.lower()).strip("-")[:_NAME_LIMIT].strip("-")
    return f"cog-{name or 'model'}"


def find(start: Path, filename: str) -> Path:
    """Return the config file ``filename`` in ``start`` or the nearest folder above it.

    A name with a folder in it is looked for from ``start`` only. CliError when there is none.
    """
    given = Path(filename)
    if given.is_absolute() or len(given.parts) > 1:
        found = start / given
        if found.is_file():
            return found.resolve()
        raise CliError(f"{filename}: there is no such file")
    for folder in (start, *start.parents):
        if (folder / filename).is_file():
            return (folder / filename).resolve()
    raise CliError(
        f"no {filename} in {start} or a folder above it; make one with 'cog init', or name an image"
    )


def load(file: Path, *, relock: bool = False) -> Project:
    """Read the project of a config file; CliError with everything wrong in it.

    ``relock``: whatever lock file it has is not looked at.
    """
    root = file.parent
    data = _content(file)
    try:
        config = read_config(data, file.name)
        facts = read_project(
            config, (file.name, data), lambda path: read_inside(root, path), relock=relock
        )
    except ProjectError as error:
        raise CliError(describe(error, lambda path: read_text(root, path))) from error
    return Project(
        root=root,
        file=file,
        config=config,
        facts=facts,
        schema=facts.schema,
        syntax=_syntax(data),
    )


def ignore_file(root: Path, file: Path) -> bytes | None:
    """Return the ignore file that goes with a config: its own, else the project's."""
    own = read_inside(root, f"{file.name}.dockerignore")
    return read_inside(root, IGNORE_FILE) if own is None else own


def _listing(root: Path, file: Path) -> tuple[plan.Listed, ...]:
    """The files that a build would list."""
    try:
        found = tuple(walk(root, Filter(exclude=ignore_patterns(ignore_file(root, file)))))
    except (OSError, PatternError) as error:
        raise CliError(f"cannot list {root}: {error}") from error
    files = (each for each in found if not each.mode & GO_IRREGULAR)
    return tuple(plan.Listed(path=each.path, size=each.size) for each in files)


def _syntax(data: bytes) -> str | None:
    match = _SYNTAX.match(data)
    return match[1].decode(errors="replace") if match else None


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CliError(f"cannot read {file}: {error.strerror}") from error


def read_text(root: Path, path: str) -> str | None:
    """Return a file of the project as text to show, None where there is none."""
    content = read_inside(root, path)
    return None if content is None else content.decode(errors="replace")


def read_inside(root: Path, path: str) -> bytes | None:
    """Return a file of the project; None for a missing one and for paths out of the project."""
    file = root / path
    return file.read_bytes() if is_inside(path) and file.is_file() else None
