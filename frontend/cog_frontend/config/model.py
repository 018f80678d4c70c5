"""cog.yaml as values: text is judged once, by the reader; inside there are no dicts.

Keys and rules are those of Cog's cog.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from cog_frontend.errors import Span

DEFAULT_PYTHON = "3.13"
SUPPORTED_PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True, slots=True)
class Located:
    """A text of the config and where it stands."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class SecretMount:
    """A build secret made readable at ``target`` for one command."""

    id: str
    target: str


@dataclass(frozen=True, slots=True)
class Command:
    """One entry of ``build.run``: a line for ``/bin/sh -c`` and the secrets it may read."""

    text: str
    span: Span
    mounts: tuple[SecretMount, ...] = ()


@dataclass(frozen=True, slots=True)
class Variable:
    """One entry of ``environment``."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The ``build`` section; defaults are the documented ones."""

    python_version: Located | None = None
    python_requirements: Located | None = None
    python_packages: tuple[Located, ...] = ()
    system_packages: tuple[Located, ...] = ()
    run: tuple[Command, ...] = ()
    pre_install: tuple[Command, ...] = ()
    gpu: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """The ``concurrency`` section: how many predictions a worker may run at once."""

    max: int = 1
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole cog.yaml."""

    build: Build = Build()
    run: Located | None = None
    predict: Located | None = None
    train: Located | None = None
    image: Located | None = None
    concurrency: Concurrency | None = None
    environment: tuple[Variable, ...] = ()

    @property
    def predictor(self) -> Located | None:
        """The reference ``file.py:Name`` of what predicts, under either name of the key."""
        return self.run or self.predict

    @property
    def python(self) -> str:
        """The Python to build for, as written: ``3.12`` or ``3.12.4``."""
        return self.build.python_version.text if self.build.python_version else DEFAULT_PYTHON

    @property
    def python_minor(self) -> str:
        """The Python to build for without its patch release."""
        return ".".join(self.python.split(".")[:2])


def config_keys() -> frozenset[str]:
    """Every key cog.yaml may hold, dotted: what the documentation must describe."""
    top = {field.name for field in fields(Config)} - {"build", "concurrency"}
    return frozenset(top | {f"build.{field.name}" for field in fields(Build)} | {"concurrency.max"})
