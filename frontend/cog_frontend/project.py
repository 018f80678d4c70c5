"""What the project's files say: the config, and the facts a plan needs beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from cog_frontend import plan
from cog_frontend.config import Config, Located
from cog_frontend.errors import Problem, ProjectError, Span
from cog_frontend.schema import Predictor, openapi, read_predictor, schema_json
from cog_frontend.schema.model import Mode
from cog_frontend.version import VERSION

T = TypeVar("T")
Read = Callable[[str], "bytes | None"]


_OLD_PYTHON = "3.10"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schema:
    document: str = ""
    concurrency: int | None = None


def read_project(
    config: Config, config_file: tuple[str, bytes], read: Read, *, known: Sequence[Problem] = ()
) -> plan.Project:
    """Return the facts of a project; ``read`` gives the content of a file of it, or None.

    ``known`` are problems found before. Raises ``ProjectError`` with those and the problems of
    every file at once.
    """
    reader = _Reader(config, config_file[0], read)
    reader.problems += known
    schema = reader.attempt(reader.schema, _Schema())
    requirements = reader.attempt(reader.requirements, None)
    stack = reader.stack(requirements)
    reader.sdk()
    if reader.problems:
        raise ProjectError(reader.problems)
    return plan.Project(
        config_file=config_file,
        schema=schema.document,
        concurrency=schema.concurrency,
        requirements=stack.applied(requirements),
        stack=stack,
        warnings=tuple(reader.warnings),
    )


class _Reader:
    def __init__(self, config: Config, filename: str, read: Read) -> None:
        self._config = config
        self._filename = filename
        self._read = read
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def attempt(self, step: Callable[[], T], otherwise: T) -> T:
        """Run a step; keep its problems and go on, so that all are shown."""
        try:
            return step()
        except ProjectError as error:
            self.problems += error.problems
            return otherwise

    def schema(self) -> _Schema:
        """Read the predictor and what trains, each with all its problems."""
        config = self._config
        predictor = self._handler(config.predictor, "predict")
        train = self._handler(config.train, "train")
        if predictor is None:
            return _Schema()
        self._check_concurrency(predictor)
        document = openapi(predictor, version=VERSION, train=train)
        return _Schema(document=schema_json(document), concurrency=predictor.concurrency_max)

    def _handler(self, located: Located | None, mode: Mode) -> Predictor | None:
        if located is None:
            return None

        handler = self.attempt(lambda: self._read_handler(located, mode), None)
        self.warnings += handler.warnings if handler else ()
        return handler

    def _read_handler(self, located: Located, mode: Mode) -> Predictor:
        self._must_exist(located, located.text.partition(":")[0])
        try:
            return read_predictor(located.text, self._read, mode=mode)
        except ProjectError as error:
            # What is wrong with a file as a whole has no line in it: the one that names it.
            raise ProjectError(
                problem
                if problem.span
                else replace(problem, file=self._filename, span=located.span)
                for problem in error.problems
            ) from error

    def _check_concurrency(self, predictor: Predictor) -> None:
        # Cog: pkg/config, more than one prediction at a time needs asyncio.TaskGroup.
        wanted = self._config.concurrency
        most = wanted.max if wanted else predictor.concurrency_max or 1
        if wanted and most > 1 and not predictor.is_async:
            message = f"concurrency.max is {most}, and {predictor.method} of {predictor.file} is"
            self._problem(f"{message} not async", wanted.span, "write `async def`, or remove it")
        if most > 1 and self._config.python_minor == _OLD_PYTHON:
            version = self._config.build.python_version
            message = f"{most} predictions at a time need Python 3.11 or later"
            self._problem(message, version.span if version else None)

    def requirements(self) -> plan.Requirements | None:
        """Read what is to be installed."""
        build = self._config.build
        if named := build.python_requirements:
            self._must_exist(named, named.text)
            found = plan.read_requirements(named.text, self._read)
        elif build.python_packages:
            found = plan.from_packages(build.python_packages, self._filename, self._read)
        else:
            return None
        self.warnings += found.warnings
        if "git" not in {package.text for package in build.system_packages}:
            self.warnings += found.git
        return found

    def stack(self, requirements: plan.Requirements | None) -> plan.Stack:
        """Choose what of CUDA and compilers the image has, and keep what is wrong with it."""
        predictor = self._config.predictor
        file = predictor.text.partition(":")[0] if predictor else ""
        chosen = plan.choose_stack(
            plan.Facts(
                config=self._config,
                filename=self._filename,
                listing=plan.listing(requirements),
                compiles=plan.compiling_code(file, self._read(file) or b"") if file else None,
            )
        )
        self.problems += chosen.problems
        self.warnings += chosen.warnings
        return chosen

    def sdk(self) -> None:
        """Say that a release of Cog's SDK is not what the image gets."""
        if wanted := self._config.build.sdk_version:
            message = f"build.sdk_version {wanted.text} has no effect: the image has cogkit's SDK"
            warning = Problem(
                file=self._filename, message=message, hint="remove it", span=wanted.span
            )
            self.warnings.append(warning)

    def _must_exist(self, located: Located, path: str) -> None:
        if self._read(path) is None:
            message = f"{path}: there is no such file in the project"
            raise ProjectError([Problem(file=self._filename, message=message, span=located.span)])

    def _problem(self, message: str, span: Span | None, hint: str = "") -> None:
        problem = Problem(file=self._filename, message=message, span=span, hint=hint)
        self.problems.append(problem)
