"""What an image has of CUDA and compilers, and where its wheels of torch come from: values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from enum import StrEnum

from cog_frontend.config import Config
from cog_frontend.errors import Problem, Span
from cog_frontend.plan.model import Decision, Image
from cog_frontend.plan.requirements import RequirementFile, Requirements
from cog_frontend.plan.wanted import Listing, Wanted

# What tells pip or uv in the environment which index to ask.
_INDEX_VARIABLES = frozenset(
    (
        *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_TORCH_BACKEND"),
        *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"),
    )
)


class Outcome(StrEnum):
    """What an image has beside its base and its packages."""

    SLIM = "slim"
    COMPILER = "slim with a C compiler"
    WHEELS = "CUDA libraries from wheels"
    LIBRARIES = "CUDA libraries from NVIDIA's runtime image"
    BUILDER = "CUDA toolkit while building"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A place in the project's files, and what stands there."""

    file: str
    span: Span | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the choice depends on; ``compiles`` is code that compiles while the model runs."""

    config: Config
    filename: str
    listing: Listing
    compiles: Source | None = None

    @property
    def python(self) -> str:
        """The Python, without its patch release."""
        return self.config.python_minor

    @property
    def cuda(self) -> str:
        """The CUDA that the config asks for; empty: none."""
        return self.config.build.cuda.text if self.config.build.cuda else ""

    @property
    def cudnn(self) -> str:
        """The cuDNN that the config asks for; empty: none."""
        return self.config.build.cudnn.text if self.config.build.cudnn else ""

    @property
    def own_index(self) -> str:
        """How the project itself says where wheels are from; empty: it does not."""
        if self.config.build.python_index:
            return "build.python_index"
        named = (each.name for each in self.config.environment if each.name in _INDEX_VARIABLES)
        return self.listing.own_index or next(named, "")

    def source(self, wanted: Wanted) -> Source:
        """Return where a requirement stands."""
        if wanted.span is not None:
            return Source(file=wanted.file, span=wanted.span, what=wanted.name)
        packages = self.config.build.python_packages
        spans = [each.span for each in packages if each.text.strip() == wanted.text]
        return Source(file=self.filename, span=spans[0] if spans else None, what=wanted.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A package that nvcc compiles, with what it requires to run.

    ``version``: of a package that is named by a URL or a path, which uv does not look up.
    """

    name: str
    requires: tuple[str, ...]
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolkit:
    """Files of NVIDIA's image, ``cuda`` (``12.4``) being the folder they stand in.

    ``compiled``: they are there while these packages are built, and in no layer. None: its
    libraries are copied into the image.
    """

    image: Image
    cuda: str
    compiled: tuple[Compiled, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What was chosen.

    ``cuda`` and ``cudnn`` are those the packages run with; ``backend`` is the folder of PyTorch's
    index (empty: the index of everything else); ``adds`` are requirements, ``system`` Debian
    packages, ``libraries`` folders for the loader, relative to site-packages. ``problems`` make
    the build impossible, ``warnings`` do not.
    """

    outcome: Outcome = Outcome.SLIM
    cuda: str = ""
    cudnn: str = ""
    backend: str = ""
    adds: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    toolkit: Toolkit | None = None
    decisions: tuple[Decision, ...] = ()
    warnings: tuple[Problem, ...] = field(default=(), repr=False)
    problems: tuple[Problem, ...] = field(default=(), repr=False)

    def applied(self, requirements: Requirements | None) -> Requirements | None:
        """Return requirements with what was chosen: an index for torch, and what brings CUDA."""
        if requirements is None:
            return None
        first, *others = requirements.files
        lines = "".join(f"{each}\n" for each in self.adds)
        options = (f"--torch-backend={self.backend}",) if self.backend else ()
        leading = RequirementFile(path=first.path, data=first.data + lines.encode())
        return replace(
            requirements,
            files=(leading, *others, *self._metadata()),
            options=(*requirements.options, *options),
        )

    def _metadata(self) -> tuple[RequirementFile, ...]:
        """What uv shall take for the requirements of packages that cannot be asked.

        Their setup.py imports torch, which is not there while versions are worked out.
        """
        if self.toolkit is None or not self.toolkit.compiled:
            return ()
        entries = "".join(map(_dependency_metadata, self.toolkit.compiled))
        return (RequirementFile(path="uv.toml", data=entries.encode()),)


def _dependency_metadata(compiled: Compiled) -> str:
    lines = [f"name = {json.dumps(compiled.name)}"]
    lines += [f"version = {json.dumps(compiled.version)}"] if compiled.version else []
    lines += [f"requires-dist = {json.dumps(compiled.requires)}"]
    return "\n".join(["[[dependency-metadata]]", *lines, ""])


def decide(topic: str, value: str, reason: str, source: Source | None = None) -> Decision:
    """Return a decision that follows from a place in the project, or from none."""
    file, span = (source.file, source.span) if source else ("", None)
    return Decision(topic=topic, value=value, reason=reason, file=file, span=span)


def own_index(facts: Facts) -> Decision:
    """The decision on the index where the project has made it."""
    if facts.listing.hashed:
        reason = "the requirements pin every file by its hash"
    else:
        reason = f"the project chooses it: {facts.own_index}"
    return decide("index", "the project's own", reason)


def torch_index(backend: str, reason: str, source: Source | None) -> Decision:
    """The decision on where torch is from; an empty ``backend`` is PyPI."""
    value = f"PyTorch's index, folder {backend}, for torch" if backend else "PyPI"
    return decide("index", value, reason, source)
