"""Reads cog.yaml: every value is checked here, and every problem found is kept with its place.

Why not pydantic: its import alone costs 75-115 ms of every build, and its errors know neither
lines nor all the problems of a file at once.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cog_frontend.config.fields import Fields
from cog_frontend.config.model import (
    SUPPORTED_PYTHONS,
    Build,
    Command,
    Concurrency,
    Config,
    Located,
    SecretMount,
    Variable,
)
from cog_frontend.errors import Problem, ProjectError, Span
from cog_frontend.yamlnode import Document, Mapping, Node, Scalar, parse

# Names a model image sets itself (Cog's list).
RESERVED_NAMES = frozenset(
    (
        "PATH",
        "LD_LIBRARY_PATH",
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "PYTHONUNBUFFERED",
        "LIBRARY_PATH",
        "HF_ENDPOINT",
        "HF_HUB_ENABLE_HF_TRANSFER",
    )
)
RESERVED_PREFIXES = (
    "R8_", "REPLICATE_", "CUDA_", "NVIDIA_", "NV_", "PGET_", "KUBERNETES_",
)  # fmt: skip

_VERSION = re.compile(r"([0-9]+)\.([0-9]+)(\.[0-9]+)?")
_REF = re.compile(r"(?P<file>[^:]+\.py):(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
_ENVIRONMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
# Debian policy 5.6.1 and 5.6.12, with apt's `name:arch`, `name=version` and `name/release` forms.
# A minus at the end would make apt remove the package.
_APT = re.compile(
    r"[a-z0-9][a-z0-9+.-]*(?<!-)(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+|/[a-z0-9][a-z0-9.-]*)?"
)

# Keys of Cog that this version does not act on: said, never dropped in silence.
UNSUPPORTED = {
    "build.cuda": "CUDA comes with the framework's own wheels",
    "build.cudnn": "cuDNN comes with the framework's own wheels",
    "build.sdk_version": "the image carries the SDK of this cogkit",
    "model": "name the image with 'image' or with -t",
    "weights": "keep the weights in the project folder",
}


def read_config(data: bytes, filename: str = "cog.yaml") -> Config:
    """Return the config of a file's bytes, or raise ``ProjectError`` with every problem in it."""
    config, problems = examine_config(data, filename)
    if problems:
        raise ProjectError(problems)
    return config


def examine_config(data: bytes, filename: str = "cog.yaml") -> tuple[Config, tuple[Problem, ...]]:
    """Return what can be used of a config, and every problem in it in the order of the file.

    A value that is wrong is not in the config, so that what else the file names can be looked at.
    Raises ``ProjectError`` for what is not YAML.
    """
    reader = _Reader(parse(data, filename))
    config = reader.config()
    return config, tuple(sorted(reader.problems, key=_line))


def _line(problem: Problem) -> tuple[int, int]:
    return (problem.span.start_line, problem.span.start_column) if problem.span else (0, 0)


class _Reader(Fields):
    """Reads the sections of cog.yaml."""

    def __init__(self, document: Document) -> None:
        super().__init__(document.filename, UNSUPPORTED)
        self._root = document.root

    def config(self) -> Config:
        root = self._root
        if root is None or (isinstance(root, Scalar) and root.is_null):
            return Config()
        config = self.section(
            root,
            "",
            Config,
            {
                "build": self.build,
                "run": self.reference,
                "predict": self.reference,
                "train": self.reference,
                "image": self.name,
                "concurrency": self.concurrency,
                "environment": self.environment,
            },
        )
        if config.run and config.predict:
            self.problem(config.predict.span, "only one of run or predict can be set")
        return config

    def build(self, node: Node, path: str) -> Build:
        build = self.section(
            node,
            path,
            Build,
            {
                "python_version": self.python_version,
                "python_requirements": self.project_path,
                "python_packages": self.list_of(self.text),
                "system_packages": self.list_of(self.system_package),
                "run": self.list_of(self.command),
                "pre_install": self.list_of(self.command),
                "gpu": self.boolean,
            },
        )
        if build.python_requirements and build.python_packages:
            self.problem(
                build.python_requirements.span,
                "only one of python_packages or python_requirements can be set, not both",
                "move the packages into the requirements file",
            )
        return build

    def python_version(self, node: Node, path: str) -> Located | None:
        value = self.text(node, path)
        if value is None:
            return None
        match = _VERSION.fullmatch(value.text)
        supported = f"supported: {', '.join(SUPPORTED_PYTHONS)}"
        if match is None:
            self.problem(
                value.span,
                f"{path}: {value.text!r} must include major and minor version",
                supported,
            )
        elif f"{match[1]}.{match[2]}" not in SUPPORTED_PYTHONS:
            self.problem(value.span, f"{path}: Python {value.text} is not supported", supported)
        else:
            return value
        return None

    def project_path(self, node: Node, path: str) -> Located | None:
        value = self.name(node, path)
        if value is not None and not is_inside(value.text):
            self.problem(value.span, f"{path}: {value.text!r} is outside the project folder")
            return None
        return value

    def system_package(self, node: Node, path: str) -> Located | None:
        value = self.text(node, path)
        if value is None or _APT.fullmatch(value.text):
            return value
        hint = "write name, name=version or name:arch"
        if " " in value.text:
            hint = "write each package as an entry of its own"
        message = f"{path}: {value.text!r} is not the name of a Debian package"
        self.problem(value.span, message, hint)
        return None

    def reference(self, node: Node, path: str) -> Located | None:
        value = self.name(node, path)
        if value is None:
            return None
        match = _REF.fullmatch(value.text)
        if match is None:
            example = "train.py:train" if path == "train" else "predict.py:Predictor"
            self.problem(value.span, f"{path}: {value.text!r} must be in the form '{example}'")
        elif not is_inside(match["file"]):
            self.problem(value.span, f"{path}: {value.text!r} is outside the project folder")
        else:
            return value
        return None

    def command(self, node: Node, path: str) -> Command | None:
        if isinstance(node, Mapping):
            return self.command_with_mounts(node, path)
        value = self.text(node, path)
        return Command(value.text, value.span) if value else None

    def command_with_mounts(self, node: Mapping, path: str) -> Command | None:
        found: dict[str, object] = self.section(
            node, path, dict, {"command": self.text, "mounts": self.list_of(self.mount)}
        )
        self.required(node, path, ("command",))
        command = found.get("command")
        if not isinstance(command, Located):
            return None
        secrets = found.get("mounts", ())
        assert isinstance(secrets, tuple)
        return Command(command.text, node.span, secrets)

    def mount(self, node: Node, path: str) -> SecretMount | None:
        found: dict[str, object] = self.section(
            node, path, dict, {"type": self.name, "id": self.name, "target": self.name}
        )
        self.required(node, path, ("type", "id", "target"))
        values = {key: value.text for key, value in found.items() if isinstance(value, Located)}
        if len(values) < 3:
            return None
        if values["type"] != "secret":
            self.problem(node.span, f"{path}.type: {values['type']!r} must be 'secret'")
        if not values["target"].startswith("/"):
            self.problem(node.span, f"{path}.target: {values['target']!r} must start with '/'")
            return None
        return SecretMount(values["id"], values["target"])

    def concurrency(self, node: Node, path: str) -> Concurrency | None:
        self.required(node, path, ("max",))
        # Cog's schema lists default_target and Cog never reads it.
        keys = {"max": self.positive, "default_target": self.positive}
        return replace(self.section(node, path, _concurrency, keys), span=node.span)

    def environment(self, node: Node, path: str) -> tuple[Variable, ...]:
        if isinstance(node, Mapping):
            self.problem(node.span, f"{path} must be a list", "write each entry as '- NAME=value'")
            return ()
        seen: dict[str, Span] = {}

        def variable(node: Node, path: str) -> Variable | None:
            return self.variable(node, path, seen)

        return self.items(node, path, variable)

    def variable(self, node: Node, path: str, seen: dict[str, Span]) -> Variable | None:
        if self.text(node, path) is None or not isinstance(node, Scalar):
            return None
        # White space around a value is part of it.
        match = _ENVIRONMENT.fullmatch(node.text)
        if match is None:
            self.problem(node.span, f"{path}: {node.text!r} must be in the form NAME=value")
            return None
        name = match[1]
        if name in RESERVED_NAMES or name.startswith(RESERVED_PREFIXES):
            self.problem(
                node.span, f"environment variable {name!r} is reserved", "the image sets it itself"
            )
        if name in seen:
            line = seen[name].start_line
            self.problem(
                node.span, f"environment variable {name!r} is set twice, first: line {line}"
            )
        seen[name] = node.span
        return Variable(name, match[2])


def _concurrency(*, max: int = 1, default_target: int = 0) -> Concurrency:
    return Concurrency(max=max)


def is_inside(path: str) -> bool:
    """Whether a relative path of the config stays inside the project folder."""
    parts = path.split("/")
    return not path.startswith("/") and ".." not in parts and "\0" not in path
