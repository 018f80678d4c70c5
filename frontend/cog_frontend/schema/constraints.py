"""Whether an input's default, bounds and choices go together: a pure question about one input."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from cog_frontend.schema.model import (
    AnyOf,
    Choice,
    InputField,
    Json,
    Kind,
    ListOf,
    MapOf,
    Scalar,
    Shape,
)
from cog_frontend.schema.source import quiet_warnings

_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER})
_TEXTS = frozenset({Kind.STRING, Kind.SECRET, Kind.FILE})
_CHOOSABLE = frozenset({Kind.STRING, Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN})


class Complaint(NamedTuple):
    """What is wrong with the argument of ``Input()`` that has this name."""

    argument: str
    message: str
    hint: str = ""


def complaints(field: InputField) -> tuple[Complaint, ...]:
    """Return everything about the input that contradicts itself, nothing when it is sound."""
    found = [*_misplaced(field), *_bounds(field), *_choices(field)]
    if field.has_default and field.default is not None:
        found.extend(_default(field, field.default))
    return tuple(found)


def allowed_kinds(field: InputField) -> frozenset[Kind]:
    """Return the plain type of a single-valued input as a set, empty for lists and unions."""
    match field.bare:
        case Scalar(kind=kind) | Choice(kind=kind):
            return frozenset({kind})
        case _:
            return frozenset()


def _misplaced(field: InputField) -> Iterator[Complaint]:
    """Yield constraints that this type of input cannot have."""
    kinds = allowed_kinds(field)
    for name in ("ge", "le"):
        if getattr(field, name) is not None and not kinds & _NUMBERS:
            yield Complaint(name, f"{name} is for int and float inputs")
    for name in ("min_length", "max_length", "regex"):
        if getattr(field, name) is not None and not kinds & _TEXTS:
            yield Complaint(name, f"{name} is for str inputs")
    if field.accept is not None and not _takes_files(field.bare):
        yield Complaint("accept", "accept is only valid on Path or File inputs")


def _takes_files(shape: Shape) -> bool:
    if isinstance(shape, ListOf):
        return shape.items is not None and _takes_files(shape.items)
    return shape == Scalar(Kind.FILE)


def _bounds(field: InputField) -> Iterator[Complaint]:
    if field.ge is not None and field.le is not None and field.ge > field.le:
        yield Complaint("ge", f"ge={field.ge} is above le={field.le}: no value fits")
    for name in ("min_length", "max_length"):
        length = getattr(field, name)
        if length is not None and length < 0:
            yield Complaint(name, f"{name}={length} is negative")
    shortest, longest = field.min_length, field.max_length
    if shortest is not None and longest is not None and shortest > longest:
        message = f"min_length={shortest} is above max_length={longest}: no value fits"
        yield Complaint("min_length", message)
    if field.regex is not None and (why := _regex_error(field.regex)):
        yield Complaint("regex", f"the regular expression is not valid: {why}")


def _regex_error(pattern: str) -> str:
    try:
        with quiet_warnings():
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return ""


def _choices(field: InputField) -> Iterator[Complaint]:
    if not field.choices or isinstance(_single(field.bare), Choice):
        return  # a Literal's or an Enum's own values have its type
    item = _single(field.bare)
    if not isinstance(item, Scalar) or item.kind not in _CHOOSABLE:
        yield Complaint("choices", "choices is for str, int, float and bool inputs")
        return
    wrong = [value for value in field.choices if not _is_a(item.kind, value)]
    if wrong:
        yield Complaint("choices", f"the choice {wrong[0]!r} is not {item.kind.value}")


def _single(shape: Shape) -> Shape:
    """Return what ``choices`` is about: the items of a list, else the value itself."""
    return shape.items if isinstance(shape, ListOf) and shape.items is not None else shape


def _default(field: InputField, value: Json) -> Iterator[Complaint]:
    if not fits(field.bare, value):
        message = f"the default {shortened(value)} is not {named(field.bare)}"
        yield Complaint("default", message)
        return
    chosen = value if isinstance(value, list) else [value]
    if field.choices and any(not _among(item, field.choices) for item in chosen):
        listed = shortened(list(field.choices))
        yield Complaint("default", f"the default {shortened(value)} is not one of {listed}")
    if isinstance(value, int | float):
        if field.ge is not None and value < field.ge:
            yield Complaint("default", f"the default {value} is below ge={field.ge}")
        if field.le is not None and value > field.le:
            yield Complaint("default", f"the default {value} is above le={field.le}")
    if isinstance(value, str):
        yield from _default_text(field, value)


def _default_text(field: InputField, value: str) -> Iterator[Complaint]:
    shown = shortened(value)
    if field.min_length is not None and len(value) < field.min_length:
        message = f"the default {shown} is shorter than min_length={field.min_length}"
        yield Complaint("default", message)
    if field.max_length is not None and len(value) > field.max_length:
        message = f"the default {shown} is longer than max_length={field.max_length}"
        yield Complaint("default", message)
    if field.regex is not None and not _regex_error(field.regex):
        with quiet_warnings():
            matched = re.search(field.regex, value)
        if not matched:
            yield Complaint("default", f"the default {shown} does not match regex={field.regex!r}")


def fits(shape: Shape, value: Json) -> bool:
    """Whether a JSON value is of a shape; bounds and choices are another question."""
    match shape:
        case Scalar(kind=kind) | Choice(kind=kind):
            return _is_a(kind, value)
        case ListOf(items=items):
            every = isinstance(value, list)
            return every and (items is None or all(fits(items, item) for item in _list(value)))
        case AnyOf(variants=variants, nullable=nullable):
            return (value is None and nullable) or any(fits(one, value) for one in variants)
        case MapOf():
            return isinstance(value, dict)
        case _:
            return isinstance(value, dict)


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _is_a(kind: Kind, value: Json) -> bool:
    """Whether a value is of a plain type; as in JSON Schema 3.0 is an integer, true no number."""
    match kind:
        case Kind.STRING | Kind.FILE | Kind.SECRET:
            return isinstance(value, str)
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.INTEGER:
            whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            return whole and not isinstance(value, bool)
        case Kind.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.OBJECT:
            return isinstance(value, dict)


def _among(value: Json, choices: tuple[Json, ...]) -> bool:
    return any(
        value == choice and isinstance(value, bool) == isinstance(choice, bool)
        for choice in choices
    )


def named(shape: Shape) -> str:
    """Return the shape as a person writes it."""
    match shape:
        case Scalar(kind=kind) | Choice(kind=kind):
            return kind.value
        case ListOf(items=items):
            return f"list[{named(items)}]" if items is not None else "list"
        case AnyOf(variants=variants):
            return " | ".join(map(named, variants))
        case _:
            return "dict"


def shortened(value: Json) -> str:
    """Return a value as Python writes it, cut to fit a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
