"""cog.yaml as values: text is judged once, by the reader; inside there are no dicts.

Keys and rules are those of Cog's cog.yaml, and the keys that its users asked for.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

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
class SshMount:
    """An agent of ``docker build --ssh`` that one command may use."""

    id: str


@dataclass(frozen=True, slots=True)
class Command:
    """One entry of ``build.run``: lines for ``/bin/sh -c`` and what they may read."""

    text: str
    span: Span
    mounts: tuple[SecretMount | SshMount, ...] = ()


@dataclass(frozen=True, slots=True)
class Variable:
    """One entry of ``environment``."""

    name: str
    value: str
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A Python package index; ``secret`` is the id of the build secret with its credentials.

    The ``default`` one takes the place of PyPI; the others are searched before it, in order.
    """

    url: Located
    name: Located | None = None
    secret: Located | None = None
    default: bool = False
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyEntry:
    """A file or folder of the project that stands at ``target`` before ``build.run``."""

    source: str
    target: str
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """How layers should be compressed: ``type`` is one of BuildKit's, ``level`` that type's.

    ``force``: layers that exist already, those of the base too, are compressed anew.
    """

    type: Located
    level: int | None = None
    force: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The ``build`` section; defaults are the documented ones."""

    python_version: Located | None = None
    python_requirements: Located | None = None
    python_packages: tuple[Located, ...] = ()
    python_index: tuple[Index, ...] = ()
    lock: Located | None = None
    system_packages: tuple[Located, ...] = ()
    copy: tuple[CopyEntry, ...] = ()
    run: tuple[Command, ...] = ()
    pre_install: tuple[Command, ...] = ()
    ssh: Located | None = None
    gpu: bool = False
    cuda: Located | None = None
    cudnn: Located | None = None
    sdk_version: Located | None = None
    base: Located | None = None
    platforms: tuple[Located, ...] = ()
    user: Located | None = None
    labels: tuple[tuple[Located, Located], ...] = ()
    cache: Located | None = None
    compression: Compression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """The ``concurrency`` section: how many predictions a worker may run at once."""

    max: int = 1
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSource:
    """Where weights come from: a path of the project, ``http(s)://`` or ``hf://``.

    ``checksum`` is ``sha256:`` and 64 digits; patterns choose files of a folder or a repository.
    """

    uri: Located
    checksum: Located | None = None
    include: tuple[Located, ...] = ()
    exclude: tuple[Located, ...] = ()

    @property
    def file_name(self) -> str:
        """What a download is called: the end of its URL's path, decoded."""
        return unquote(posixpath.basename(urlsplit(self.uri.text).path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One entry of ``weights``: files that stand under ``target`` in the image."""

    target: Located
    source: tuple[WeightSource, ...]
    name: Located | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole cog.yaml."""

    build: Build = Build()
    run: Located | None = None
    predict: Located | None = None
    train: Located | None = None
    image: Located | None = None
    model: Located | None = None
    concurrency: Concurrency | None = None
    environment: tuple[Variable, ...] = ()
    weights: tuple[Weight, ...] = ()

    @property
    def predictor(self) -> Located | None:
        """The reference ``file.py:Name`` of what predicts, under either name of the key."""
        return self.run or self.predict

    @property
    def name(self) -> Located | None:
        """What the image is called, under either name of the key."""
        return self.image or self.model

    @property
    def python(self) -> str:
        """The Python to build for, as written: ``3.12`` or ``3.12.4``."""
        return self.build.python_version.text if self.build.python_version else DEFAULT_PYTHON

    @property
    def python_minor(self) -> str:
        """The Python to build for without its patch release."""
        return ".".join(self.python.split(".")[:2])
