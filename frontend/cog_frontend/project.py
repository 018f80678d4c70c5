"""What the project's files say: the config, and the facts a plan needs beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from cog_frontend import plan
from cog_frontend.config import Config, Located
from cog_frontend.errors import Problem, ProjectError, Span
from cog_frontend.schema import Predictor, Undetermined, openapi, read_predictor, schema_json
from cog_frontend.schema.described import Described, described_predictor
from cog_frontend.schema.model import Mode
from cog_frontend.version import VERSION

T = TypeVar("T")
Read = Callable[[str], "bytes | None"]


_OLD_PYTHON = "3.10"
_IMPORTED = "so the build imports the code to make the schema: write it as a literal to spare that"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schema:
    document: str = ""
    concurrency: int | None = None
    describe: tuple[tuple[str, str, Span], ...] = ()


_Handlers = dict[Mode, Predictor | Undetermined | None]


def read_project(
    config: Config,
    config_file: tuple[str, bytes],
    read: Read,
    *,
    known: Sequence[Problem] = (),
    relock: bool = False,
) -> plan.Project:
    """Return the facts of a project; ``read`` gives the content of a file of it, or None.

    ``known`` are problems found before; ``relock``: whatever lock file there is, a new one is
    wanted. Raises ``ProjectError`` with all problems of every file at once.
    """
    reader = _Reader(config, config_file[0], read, relock=relock)
    reader.problems += known
    schema = reader.attempt(reader.schema, _Schema())
    requirements = reader.attempt(reader.requirements, None)
    stack = reader.stack(requirements)
    wanted = stack.applied(requirements)
    lock_file = reader.attempt(lambda: reader.lock_file(wanted), None)
    reader.sdk()
    if reader.problems:
        raise ProjectError(reader.problems)
    return plan.Project(
        config_file=config_file,
        schema=schema.document,
        concurrency=schema.concurrency,
        describe=schema.describe,
        requirements=wanted,
        lock_file=lock_file,
        stack=stack,
        warnings=tuple(reader.warnings),
    )


def describe_project(
    config: Config, read: Read, project: plan.Project, described: bytes
) -> plan.Project:
    """Return the project with the schema that its running code has completed.

    ``described`` is what the SDK wrote of the handlers in ``project.describe``. Raises
    ``ProjectError`` where the code is not a handler that can be served.
    """
    reader = _Reader(config, project.config_file[0], read, relock=False)
    descriptions = json.loads(described)
    schema = reader.attempt(lambda: reader.completed(descriptions), _Schema())
    if reader.problems:
        raise ProjectError(reader.problems)
    return replace(
        project, schema=schema.document, concurrency=schema.concurrency, describe=schema.describe
    )


class _Reader:
    def __init__(self, config: Config, filename: str, read: Read, *, relock: bool) -> None:
        self._config = config
        self._filename = filename
        self._read = read
        self._relock = relock
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def attempt(self, step: Callable[[], T], otherwise: T) -> T:
        """Run a step; keep its problems and go on, so that all are shown."""
        try:
            return step()
        except Undetermined:
            raise
        except ProjectError as error:
            self.problems += error.problems
            return otherwise

    def schema(self) -> _Schema:
        """Read the predictor and what trains, each with all its problems."""
        handlers = self._handlers()
        unread = {mode: one for mode, one in handlers.items() if isinstance(one, Undetermined)}
        if not unread or self._config.predictor is None:
            return self._schema(handlers)
        for one in unread.values():
            self.warnings += [replace(each, hint=_IMPORTED) for each in one.problems]
        named = {"predict": self._config.predictor, "train": self._config.train}
        places = {mode: located for mode, located in named.items() if located}
        return _Schema(
            describe=tuple((mode, places[mode].text, places[mode].span) for mode in unread)
        )

    def completed(self, descriptions: Mapping[Mode, Described]) -> _Schema:
        """The schema of handlers that are read from the source where it tells, else described."""
        handlers = self._handlers()
        for mode, one in handlers.items():
            if isinstance(one, Undetermined):
                handlers[mode] = described_predictor(descriptions[mode], mode, one)
        return self._schema(handlers)

    def _handlers(self) -> _Handlers:
        config = self._config
        return {
            "predict": self._handler(config.predictor, "predict"),
            "train": self._handler(config.train, "train"),
        }

    def _schema(self, handlers: _Handlers) -> _Schema:
        predictor, train = handlers["predict"], handlers["train"]
        if self._config.predictor is None and isinstance(train, Predictor):
            return _Schema(document=schema_json(openapi(train, version=VERSION)))
        if not isinstance(predictor, Predictor):
            return _Schema()
        self._check_concurrency(predictor)
        train = train if isinstance(train, Predictor) else None
        document = openapi(predictor, version=VERSION, train=train)
        return _Schema(document=schema_json(document), concurrency=predictor.concurrency_max)

    def _handler(self, located: Located | None, mode: Mode) -> Predictor | Undetermined | None:
        if located is None:
            return None
        try:
            handler = self.attempt(lambda: self._read_handler(located, mode), None)
        except Undetermined as unread:
            return unread
        self.warnings += handler.warnings if handler else ()
        return handler

    def _read_handler(self, located: Located, mode: Mode) -> Predictor:
        self._must_exist(located, located.text.partition(":")[0])
        try:
            return read_predictor(located.text, self._read, mode=mode)
        except Undetermined as unread:
            places = self._placed(unread.problems, located)
            raise Undetermined(places, unread.known, output_known=unread.output_known) from unread
        except ProjectError as error:
            raise ProjectError(self._placed(error.problems, located)) from error

    def _placed(self, problems: Iterable[Problem], located: Located) -> list[Problem]:
        """The problems; what is wrong with a file as a whole at the line that names the file."""
        return [
            problem if problem.span else replace(problem, file=self._filename, span=located.span)
            for problem in problems
        ]

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

    def lock_file(self, requirements: plan.Requirements | None) -> plan.LockFile | None:
        """Find the lock file that says which packages are installed."""
        if self._relock:
            return None
        return plan.find_lock(self._config, requirements, self._read, filename=self._filename)

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
