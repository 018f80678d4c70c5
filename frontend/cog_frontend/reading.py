"""What a project's own files say, read once: what a build and a question about it begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cog_frontend import plan
from cog_frontend.certificates import ARG_CERTIFICATES, read_certificates
from cog_frontend.config import Config, Examined, examine_config
from cog_frontend.context import Opened
from cog_frontend.errors import Problem, ProjectError
from cog_frontend.ignore import ignore_patterns
from cog_frontend.options import ARG_CHECK, Options
from cog_frontend.project import read_project

_NO_CONFIG = "create it with `cog init`, or name it with -f"


class Reading:
    """The config of an opened project and the files that it names.

    ``filename`` is the config's path; ``data`` is its content once ``examine`` has been called.
    """

    def __init__(self, options: Options, opened: Opened) -> None:
        self._options = options
        self._opened = opened
        self.files = opened.files
        self.filename = opened.sources.filename
        self.data = b""
        self._ignored: dict[str, bytes] = {}

    @property
    def sources(self) -> dict[str, bytes]:
        """The files read so far, by the names that problems use."""
        return {**self.files.seen, **self._ignored, self.filename: self.data}

    @property
    def build_args(self) -> tuple[tuple[str, str], ...]:
        """The build arguments that the client passed."""
        return self._options.build_args

    @property
    def check(self) -> str:
        """What the client says of the rules that a project is checked against."""
        return self._options.build_arg(ARG_CHECK)

    @property
    def has_ignore_file(self) -> bool:
        """Whether anything is said of what stays out of the image."""
        return self._opened.ignore()[1] is not None

    def ignore(self) -> tuple[str, ...]:
        """Return the patterns of what stays out; errors as those of ``ignore_patterns``."""
        name, data = self._opened.ignore()
        self._ignored = {} if data is None else {name: data}
        keep_git_dir = self._options.keep_git_dir
        return ignore_patterns(data, filename=name, keep_git_dir=keep_git_dir)

    def examine(self) -> Examined:
        """Read the config; raises ``ProjectError`` only where there is none."""
        data = self._opened.config.result()
        if data is None:
            problem = Problem(file=self.filename, message="there is no such file", hint=_NO_CONFIG)
            raise ProjectError([problem])
        self.data = data
        return examine_config(data, self.filename)

    def start(self, config: Config) -> None:
        """Ask for the files the config names, all at once."""
        for reference in (config.predictor, config.train):
            if reference:
                self.files.start(reference.text.partition(":")[0])
        if config.build.python_requirements:
            self.files.start(config.build.python_requirements.text)

    def project(
        self, config: Config, known: Sequence[Problem], *, relock: bool = False
    ) -> plan.Project:
        """Return the facts of the project; arguments and errors as those of ``read_project``."""
        config_file = (self.filename, self.data)
        project = read_project(config, config_file, self.files.read, known=known, relock=relock)
        certificates = read_certificates(self._options.build_arg(ARG_CERTIFICATES), self.files.read)
        return replace(project, certificates=certificates)
