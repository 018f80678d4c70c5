"""Reads cog.yaml: every value is checked, and every problem found is kept with its place.

Why not pydantic: its import alone costs 75-115 ms of every build, and its errors know neither
lines nor all the problems of a file at once.
"""

from __future__ import annotations

from typing import NamedTuple

from cog_frontend.config.keys import CONFIG
from cog_frontend.config.model import Config
from cog_frontend.config.shapes import Problems
from cog_frontend.errors import Problem, ProjectError
from cog_frontend.yamlnode import Scalar, parse


def read_config(data: bytes, filename: str = "cog.yaml") -> Config:
    """Return the config of a file's bytes, or raise ``ProjectError`` with every problem in it."""
    reading = examine_config(data, filename)
    if reading.problems:
        raise ProjectError(reading.problems)
    return reading.config


class Examined(NamedTuple):
    """What can be used of a config, and what is to be said about it, in the order of the file.

    A value that is wrong is not in ``config``, so that what else the file names can be looked at.
    ``warnings`` are for the user to read and stop nothing.
    """

    config: Config
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def examine_config(data: bytes, filename: str = "cog.yaml") -> Examined:
    """Return all there is to know of a config; raise ``ProjectError`` for what is not YAML."""
    root = parse(data, filename).root
    problems = Problems(filename)
    empty = root is None or (isinstance(root, Scalar) and root.is_null)
    config = None if root is None or empty else CONFIG.read(root, "", problems)
    return Examined(
        config or Config(),
        tuple(sorted(problems.found, key=_place)),
        tuple(sorted(problems.warnings, key=_place)),
    )


def _place(problem: Problem) -> tuple[int, int]:
    return (problem.span.start_line, problem.span.start_column) if problem.span else (0, 0)


def is_inside(path: str) -> bool:
    """Whether a relative path of the config stays inside the project folder."""
    parts = path.split("/")
    return not path.startswith("/") and ".." not in parts and "\0" not in path
