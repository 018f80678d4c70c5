"""What the project's files say: the config, and the facts a plan needs beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cog_frontend import plan
from cog_frontend.config import Config, Located
from cog_frontend.errors import Problem, ProjectError
from cog_frontend.schema import openapi, read_predictor, schema_json
from cog_frontend.version import VERSION

T = TypeVar("T")
Read = Callable[[str], "bytes | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schema:
    document: str = ""
    concurrency: int | None = None


def read_project(config: Config, config_file: tuple[str, bytes], read: Read) -> plan.Project:
    """Return the facts of a project; ``read`` gives the content of a file of it, or None.

    Raises ``ProjectError`` with the problems of every file at once.
    """
    reader = _Reader(config, config_file[0], read)
    schema = reader.attempt(reader.schema, _Schema())
    requirements = reader.attempt(reader.requirements, None)
    if reader.problems:
        raise ProjectError(reader.problems)
    return plan.Project(
        config_file=config_file,
        schema=schema.document,
        concurrency=schema.concurrency,
        requirements=requirements,
    )


class _Reader:
    def __init__(self, config: Config, filename: str, read: Read) -> None:
        self._config = config
        self._filename = filename
        self._read = read
        self.problems: list[Problem] = []

    def attempt(self, step: Callable[[], T], otherwise: T) -> T:
        """Run a step; keep its problems and go on, so that all are shown."""
        try:
            return step()
        except ProjectError as error:
            self.problems += error.problems
            return otherwise

    def schema(self) -> _Schema:
        located = self._config.predictor
        if located is None:
            return _Schema()
        self._must_exist(located, _file(located))
        predictor = read_predictor(located.text, self._read)
        train = None
        if self._config.train:
            self._must_exist(self._config.train, _file(self._config.train))
            train = read_predictor(self._config.train.text, self._read, mode="train")
        document = openapi(predictor, version=VERSION, train=train)
        return _Schema(document=schema_json(document), concurrency=predictor.concurrency_max)

    def requirements(self) -> plan.Requirements | None:
        build = self._config.build
        if named := build.python_requirements:
            self._must_exist(named, named.text)
            return plan.read_requirements(named.text, self._read)
        if build.python_packages:
            return plan.from_packages(tuple(package.text for package in build.python_packages))
        return None

    def _must_exist(self, located: Located, path: str) -> None:
        if self._read(path) is None:
            message = f"{path}: there is no such file in the project"
            raise ProjectError([Problem(file=self._filename, message=message, span=located.span)])


def _file(reference: Located) -> str:
    return reference.text.partition(":")[0]
