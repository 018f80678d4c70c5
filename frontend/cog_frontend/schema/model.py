"""What a predictor takes and gives, as values: no syntax tree and no file behind them."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cog_frontend.errors import Problem, ProjectError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Mode = Literal["predict", "train"]


class Kind(enum.Enum):
    """The plain types that Cog's document knows (upstream: pkg/schema)."""

    STRING = "str"
    INTEGER = "int"
    NUMBER = "float"
    BOOLEAN = "bool"
    FILE = "Path"
    SECRET = "Secret"  # noqa: S105 -- the name of a type
    OBJECT = "dict"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value of a plain type; ``OBJECT`` is any JSON object."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Choice:
    """One of fixed values of one plain type: a ``Literal`` or an ``Enum``."""

    kind: Kind
    values: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array; ``items`` is None when the annotation leaves them open."""

    items: Shape | None


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose values share one shape."""

    values: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordField:
    """One key of a record; ``default`` is kept only where ``has_default``."""

    name: str
    shape: Shape
    required: bool
    description: str | None = None
    has_default: bool = False
    default: Json = None


@dataclass(frozen=True, slots=True)
class Record:
    """An object with named fields: a ``BaseModel``, a ``TypedDict`` or a dataclass."""

    name: str
    fields: tuple[RecordField, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several shapes, or of one that may be null."""

    variants: tuple[Shape, ...]
    nullable: bool


Shape = Scalar | Choice | ListOf | MapOf | Record | AnyOf


@dataclass(frozen=True, slots=True)
class OutputType:
    """What the predictor returns, or yields one by one when ``stream`` is set.

    ``stream`` is ``"concatenate"`` for text whose pieces are joined for display.
    """

    shape: Shape
    stream: Literal["iterator", "concatenate"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputField:
    """One input; a constraint that is None (or empty) was not asked for.

    ``choices`` holds what ``Input(choices=...)``, a ``Literal`` or an ``Enum`` allows. ``default``
    counts only where ``has_default``; it may be None there (a secret that is null unless given).
    """

    name: str
    shape: Shape
    required: bool
    has_default: bool = False
    default: Json = None
    description: str | None = None
    ge: int | float | None = None
    le: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    regex: str | None = None
    choices: tuple[Json, ...] = ()
    deprecated: bool = False
    accept: str | None = None

    @property
    def nullable(self) -> bool:
        """Whether null is a value of this input."""
        return isinstance(self.shape, AnyOf) and self.shape.nullable

    @property
    def bare(self) -> Shape:
        """The shape without a lone ``Optional`` around it."""
        if isinstance(self.shape, AnyOf) and len(self.shape.variants) == 1:
            return self.shape.variants[0]
        return self.shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """The handler that ``run``, ``predict`` or ``train`` of the config points to.

    ``method`` is the function that takes the inputs, ``concurrency_max`` what ``@concurrent``
    asks for (None: no such decorator). ``warnings`` do not stop a build.
    """

    file: str
    name: str
    method: str
    kind: Literal["class", "function"]
    mode: Mode
    is_async: bool
    streaming: bool
    concurrency_max: int | None
    inputs: tuple[InputField, ...]
    output: OutputType
    warnings: tuple[Problem, ...] = ()


class Undetermined(ProjectError):
    """A handler that cannot be known without running code; ``problems`` say where and why.

    Otherwise it is right. ``known`` is what was read of it, None where not even the handler was
    found: ``known.inputs`` lacks the inputs that are not known, and ``output_known`` says whether
    ``known.output`` is.
    """

    def __init__(
        self, problems: Iterable[Problem], known: Predictor | None, *, output_known: bool
    ) -> None:
        super().__init__(problems)
        self.known = known
        self.output_known = output_known
