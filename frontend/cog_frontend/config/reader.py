"""Reads cog.yaml: every value is checked here, and every problem found is kept with its place.

Why not pydantic: its import alone costs 75-115 ms of every build, and its errors know neither
lines nor all the problems of a file at once.
"""

from __future__ import annotations

import re
from collections import abc
from difflib import get_close_matches
from typing import TypeVar

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
from cog_frontend.yamlnode import Document, Mapping, Node, Scalar, Sequence, parse

T = TypeVar("T")

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

_VERSION = re.compile(r"^(\d+)\.(\d+)(\.\d+)?$")
_REF = re.compile(r"^(?P<file>[^:]+\.py):(?P<name>[A-Za-z_][A-Za-z0-9_]*)$")
_ENVIRONMENT = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)=(.*)$", re.DOTALL)
# Debian policy 5.6.1 and 5.6.12, with apt's `name:arch` and `name=version` forms.
_APT = re.compile(r"^[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?$")
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}


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
    reader = _Reader(parse(data, filename))
    config = reader.config()
    if reader.problems:
        raise ProjectError(sorted(reader.problems, key=_line))
    return config


def _line(problem: Problem) -> tuple[int, int]:
    return (problem.span.start_line, problem.span.start_column) if problem.span else (0, 0)


class _Reader:
    """Reads typed fields out of nodes and collects every problem with its place."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def problem(self, span: Span | None, message: str, hint: str = "") -> None:
        self.problems.append(
            Problem(file=self._document.filename, message=message, hint=hint, span=span)
        )

    def config(self) -> Config:
        root = self._document.root
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
                "image": self.text,
                "concurrency": self.concurrency,
                "environment": self.environment,
            },
        )
        if config.run and config.predict:
            self.problem(config.predict.span, "only one of run or predict can be set")
        return config

    def section(
        self,
        node: Node,
        path: str,
        make: abc.Callable[..., T],
        readers: abc.Mapping[str, abc.Callable[[Node, str], object]],
    ) -> T:
        """Return what ``make`` makes of the keys that are set; other keys are problems."""
        if not isinstance(node, Mapping):
            self.problem(node.span, f"{path or 'the file'} must be a mapping of keys to values")
            return make()
        found: dict[str, object] = {}
        for key, value in node.items:
            full = f"{path}.{key.text}" if path else key.text
            if key.text not in readers:
                self.unknown(key, full, list(readers))
            elif not (isinstance(value, Scalar) and value.is_null):
                result = readers[key.text](value, full)
                if result is not None:
                    found[key.text] = result
        return make(**found)

    def unknown(self, key: Scalar, path: str, known: list[str]) -> None:
        if path in UNSUPPORTED:
            hint = f"remove it: {UNSUPPORTED[path]}"
            self.problem(key.span, f"{path} is not supported by this version of cogkit", hint)
            return
        near = get_close_matches(key.text, known, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(sorted(known))}"
        self.problem(key.span, f"{path}: unknown key", hint)

    def text(self, node: Node, path: str) -> Located | None:
        if not isinstance(node, Scalar):
            self.problem(node.span, f"{path} must be text, not a list or mapping")
            return None
        if not node.text.strip() or "\0" in node.text:
            self.problem(node.span, f"{path} must not be empty")
            return None
        return Located(node.text, node.span)

    def boolean(self, node: Node, path: str) -> bool | None:
        if isinstance(node, Scalar) and node.plain and node.text in _TRUE | _FALSE:
            return node.text in _TRUE
        shown = f", not {node.text!r}" if isinstance(node, Scalar) else ""
        self.problem(node.span, f"{path} must be true or false{shown}")
        return None

    def items(
        self, node: Node, path: str, read: abc.Callable[[Node, str], T | None]
    ) -> tuple[T, ...]:
        if not isinstance(node, Sequence):
            self.problem(node.span, f"{path} must be a list", "start each entry with '- '")
            return ()
        values = [read(item, f"{path}[{index}]") for index, item in enumerate(node.items)]
        return tuple(value for value in values if value is not None)

    def build(self, node: Node, path: str) -> Build:
        def texts(node: Node, path: str) -> tuple[Located, ...]:
            return self.items(node, path, self.text)

        def packages(node: Node, path: str) -> tuple[Located, ...]:
            return self.items(node, path, self.system_package)

        def commands(node: Node, path: str) -> tuple[Command, ...]:
            return self.items(node, path, self.command)

        build = self.section(
            node,
            path,
            Build,
            {
                "python_version": self.python_version,
                "python_requirements": self.project_path,
                "python_packages": texts,
                "system_packages": packages,
                "run": commands,
                "pre_install": commands,
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
        match = _VERSION.match(value.text)
        supported = f"supported: {', '.join(SUPPORTED_PYTHONS)}"
        if match is None:
            self.problem(
                value.span,
                f"{path}: {value.text!r} must include major and minor version",
                supported,
            )
        elif f"{match[1]}.{match[2]}" not in SUPPORTED_PYTHONS:
            self.problem(value.span, f"{path}: Python {value.text} is not supported", supported)
        return value

    def project_path(self, node: Node, path: str) -> Located | None:
        value = self.text(node, path)
        if value is not None and not is_inside(value.text):
            self.problem(value.span, f"{path}: {value.text!r} is outside the project folder")
        return value

    def system_package(self, node: Node, path: str) -> Located | None:
        value = self.text(node, path)
        if value is not None and not _APT.match(value.text):
            self.problem(
                value.span,
                f"{path}: {value.text!r} is not the name of a Debian package",
                "write name, name=version or name:arch",
            )
        return value

    def reference(self, node: Node, path: str) -> Located | None:
        value = self.text(node, path)
        if value is None:
            return None
        match = _REF.match(value.text)
        if match is None:
            example = "train.py:train" if path == "train" else "predict.py:Predictor"
            self.problem(value.span, f"{path}: {value.text!r} must be in the form '{example}'")
        elif not is_inside(match["file"]):
            self.problem(value.span, f"{path}: {value.text!r} is outside the project folder")
        return value

    def command(self, node: Node, path: str) -> Command | None:
        if isinstance(node, Mapping):
            return self.command_with_mounts(node, path)
        value = self.text(node, path)
        return Command(value.text.strip(), value.span) if value else None

    def command_with_mounts(self, node: Mapping, path: str) -> Command | None:
        def mounts(node: Node, path: str) -> tuple[SecretMount, ...]:
            return self.items(node, path, self.mount)

        found: dict[str, object] = self.section(
            node, path, dict, {"command": self.text, "mounts": mounts}
        )
        command = found.get("command")
        if not isinstance(command, Located):
            if not any(key.text == "command" for key, _ in node.items):
                self.problem(node.span, f"{path}.command is missing")
            return None
        secrets = found.get("mounts", ())
        assert isinstance(secrets, tuple)
        return Command(command.text.strip(), command.span, secrets)

    def mount(self, node: Node, path: str) -> SecretMount | None:
        found: dict[str, object] = self.section(
            node, path, dict, {"type": self.text, "id": self.text, "target": self.text}
        )
        values = {key: value.text for key, value in found.items() if isinstance(value, Located)}
        if isinstance(node, Mapping):
            for key in ("type", "id", "target"):
                if key not in {name.text for name, _ in node.items}:
                    self.problem(node.span, f"{path}.{key} is missing")
        if len(values) < 3:
            return None
        if values["type"] != "secret":
            self.problem(node.span, f"{path}.type: {values['type']!r} must be 'secret'")
        if not values["target"].startswith("/"):
            self.problem(node.span, f"{path}.target: {values['target']!r} must start with '/'")
        return SecretMount(values["id"], values["target"])

    def concurrency(self, node: Node, path: str) -> Concurrency | None:
        if isinstance(node, Mapping) and "max" not in {key.text for key, _ in node.items}:
            self.problem(node.span, f"{path}.max is missing")
        # Cog's schema lists default_target and Cog never reads it.
        keys = {"max": self.positive, "default_target": self.positive}
        return self.section(node, path, _concurrency, keys)

    def positive(self, node: Node, path: str) -> int | None:
        if isinstance(node, Scalar) and node.plain and re.fullmatch(r"[1-9]\d{0,5}", node.text):
            return int(node.text)
        self.problem(node.span, f"{path} must be a whole number of at least 1")
        return None

    def environment(self, node: Node, path: str) -> tuple[Variable, ...]:
        seen: dict[str, Span] = {}

        def variable(node: Node, path: str) -> Variable | None:
            value = self.text(node, path)
            match = _ENVIRONMENT.match(value.text) if value else None
            if value is None:
                return None
            if match is None:
                self.problem(value.span, f"{path}: {value.text!r} must be in the form NAME=value")
                return None
            name = match[1]
            if name in RESERVED_NAMES or name.startswith(RESERVED_PREFIXES):
                self.problem(value.span, f"environment variable {name!r} is reserved")
            if name in seen:
                first = seen[name].start_line
                self.problem(value.span, f"environment variable {name!r} is set twice ({first})")
            seen[name] = value.span
            return Variable(name, match[2])

        return self.items(node, path, variable)


def _concurrency(*, max: int = 1, default_target: int = 0) -> Concurrency:
    return Concurrency(max=max)


def is_inside(path: str) -> bool:
    """Whether a relative path of the config stays inside the project folder."""
    parts = path.split("/")
    return not path.startswith("/") and ".." not in parts and "\0" not in path
