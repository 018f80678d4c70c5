"""A predictor out of the description that its running code gave: JSON of the SDK's `cog.describe`.

What could be read from the source stands; the description fills in the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cog_frontend.errors import Problem, ProjectError, Span
from cog_frontend.schema import known
from cog_frontend.schema.annotations import choice_kind
from cog_frontend.schema.constraints import complaints
from cog_frontend.schema.inputs import Given, built, unusable, wrong_type
from cog_frontend.schema.model import (
    AnyOf,
    Choice,
    InputField,
    Kind,
    ListOf,
    MapOf,
    Mode,
    OutputType,
    Predictor,
    Record,
    RecordField,
    Scalar,
    Shape,
    Undetermined,
)
from cog_frontend.schema.project import last

Described = Mapping[str, Any]


class _Unusable(Exception):
    """A type that the document does not know; what is wrong, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def described_predictor(description: Described, mode: Mode, unread: Undetermined) -> Predictor:
    """Return the predictor that ``unread`` could not be; raise ``ProjectError``."""
    reader = _Reader(description)
    read = unread.known
    inputs = {one.name: one for one in (read.inputs if read else ())}
    fields = [inputs.get(one["name"]) or reader.input(one) for one in description["inputs"]]
    output = read.output if read and unread.output_known else reader.output()
    if reader.problems:
        raise ProjectError(reader.problems)
    return Predictor(
        file=description["file"],
        name=description["name"],
        method=description["method"],
        kind=description["kind"],
        mode=mode,
        is_async=description["async"],
        streaming=description["streaming"],
        concurrency_max=description["concurrency"],
        inputs=tuple(field for field in fields if field),
        output=output,
    )


class _Reader:
    def __init__(self, description: Described) -> None:
        self._description = description
        self.problems: list[Problem] = []
        for text in description["problems"]:
            self._problem(text)

    def _problem(self, message: str, hint: str = "") -> None:
        """Keep a problem, at the method: of an imported parameter no line is known."""
        line = self._description["line"]
        file = self._description["file"]
        self.problems.append(Problem(message=message, hint=hint, file=file, span=Span(line, line)))

    def input(self, one: Described) -> InputField | None:
        about = f"input {one['name']}"
        try:
            shape = _shape(one["shape"], whole=False)
        except _Unusable as error:
            self._problem(f"{about}: {error}", error.hint)
            return None
        if why := unusable(shape):
            self._problem(f"{about}: {why[0]}", why[1])
            return None
        values = dict(one["given"])
        choices = {repr((type(item), item)): item for item in values.pop("choices", ())}
        wrong = [f"{name} {text}" for name in values if (text := wrong_type(name, values[name]))]
        field = built(one["name"], shape, Given(values, tuple(choices.values()), one["required"]))
        for message, hint in [
            *((text, "") for text in wrong),
            *((each.message, each.hint) for each in complaints(field)),
        ]:
            self._problem(f"{about}: {message}", hint)
        return field

    def output(self) -> OutputType:
        try:
            shape = _shape(self._description["output"], whole=True)
        except _Unusable as error:
            self._problem(f"the output: {error}", error.hint)
            return OutputType(Scalar(Kind.OBJECT))
        stream = self._description["stream"]
        if isinstance(shape, AnyOf) and stream is None:
            what = "Optional" if shape.nullable else "Union"
            hint = "return one type, or typing.Any for an output that varies"
            self._problem(f"an output cannot be {what}", hint)
        if stream == "concatenate" and shape != Scalar(Kind.STRING):
            hint = "write ConcatenateIterator[str], or Iterator[...] for other items"
            self._problem("ConcatenateIterator joins text: its items must be str", hint)
        return OutputType(shape, stream)


def _shape(shape: Described, *, whole: bool) -> Shape:
    """Return a shape; of mappings in inputs the document says only that they are objects."""
    return _KINDS[shape["kind"]](shape, whole)


def _scalar(shape: Described, _: bool) -> Shape:  # noqa: FBT001 - one of a table of readers
    return Scalar(Kind(shape["type"]))


def _choice(shape: Described, _: bool) -> Shape:  # noqa: FBT001
    kind = choice_kind(shape["values"])
    if kind is None:
        raise _Unusable("the choices are not all text, all numbers or all booleans")
    return Choice(kind, tuple(shape["values"]))


def _list(shape: Described, whole: bool) -> Shape:  # noqa: FBT001
    items = shape["items"]
    return ListOf(None if items is None else _shape(items, whole=whole))


def _map(shape: Described, whole: bool) -> Shape:  # noqa: FBT001
    return MapOf(_shape(shape["values"], whole=True)) if whole else Scalar(Kind.OBJECT)


def _union(shape: Described, whole: bool) -> Shape:  # noqa: FBT001
    variants = tuple(_shape(variant, whole=whole) for variant in shape["variants"])
    if not variants:
        raise _Unusable("None alone is not a type of a value")
    return AnyOf(variants, shape["nullable"])


def _record(shape: Described, whole: bool) -> Shape:  # noqa: FBT001
    if not whole and shape["family"] == "typed_dict":
        return Scalar(Kind.OBJECT)
    if not whole:
        message = f"the {shape['family']} {shape['name']} cannot be an input"
        raise _Unusable(message, "take its fields as inputs of their own, or use dict")
    fields = tuple(
        RecordField(
            name=field["name"],
            shape=_shape(field["shape"], whole=True),
            required=field["required"],
            description=field.get("description"),
            has_default="default" in field,
            default=field.get("default"),
        )
        for field in shape["fields"]
    )
    return Record(shape["name"], fields)


def _unknown(shape: Described, _: bool) -> Shape:  # noqa: FBT001
    name = shape["name"]
    raise _Unusable(f"`{last(name)}` is not a supported type", known.advice(name))


_KINDS: Mapping[str, Callable[[Described, bool], Shape]] = {
    "scalar": _scalar,
    "choice": _choice,
    "list": _list,
    "map": _map,
    "union": _union,
    "record": _record,
    "unknown": _unknown,
}
