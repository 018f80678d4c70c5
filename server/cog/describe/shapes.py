"""Types as plain JSON values.

{"kind": "scalar", "type": "str"|"int"|"float"|"bool"|"Path"|"Secret"|"dict"}
{"kind": "choice", "values": [...]}
{"kind": "list", "items": shape|null}
{"kind": "map", "values": shape}
{"kind": "union", "variants": [shape...], "nullable": bool}
{"kind": "record", "family": "model"|"typed_dict"|"dataclass", "name",
 "fields": [{"name", "shape", "required", "description"?, "default"?}]}
{"kind": "unknown", "name": dotted name of the type}
"""

from __future__ import annotations

import collections.abc
import enum
import pathlib
import types
import typing
from typing import Annotated, Any, Literal, Union

import cog
from cog.describe import records
from cog.describe.values import NotJson, to_json

Described = dict[str, Any]

_SCALARS: dict[object, str] = {
    str: "str",
    int: "int",
    float: "float",
    bool: "bool",
    dict: "dict",
    Any: "dict",
    collections.abc.Mapping: "dict",
    cog.Opaque: "dict",
    cog.Secret: "Secret",
}
_FILES = (pathlib.PurePath, cog.File, cog.URLFile)
_ITERATORS = (
    collections.abc.Iterator,
    collections.abc.AsyncIterator,
    collections.abc.Generator,
    collections.abc.AsyncGenerator,
)
_CONCATENATE = (cog.ConcatenateIterator, cog.AsyncConcatenateIterator)


def output(hint: object) -> tuple[Described, str | None]:
    """Return the shape of a return type, or of the items it is an iterator of, and which."""
    hint = _bare(hint)
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in _CONCATENATE:
        return shape(arguments[0] if arguments else object), "concatenate"
    if origin in _ITERATORS:
        return shape(arguments[0] if arguments else object), "iterator"
    return shape(hint), None


def shape(  # noqa: PLR0911 - one line for each kind of type
    hint: object, inside: tuple[object, ...] = ()
) -> Described:
    """Return the shape of a type; ``inside`` are records that hold it: there any object."""
    hint = _bare(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        if any(extra is cog.Opaque or isinstance(extra, cog.Opaque) for extra in arguments[1:]):
            return _scalar("dict")
        return shape(arguments[0], inside)
    if origin is Literal:
        return _literal(arguments)
    if origin in (Union, types.UnionType):
        return _union(arguments, inside)
    if hint is list or hint is typing.List:  # noqa: UP006 - the one without brackets
        return {"kind": "list", "items": None}
    if origin is list and len(arguments) == 1:
        return {"kind": "list", "items": shape(arguments[0], inside)}
    if origin in (dict, collections.abc.Mapping) and len(arguments) == 2:
        return {"kind": "map", "values": shape(arguments[1], inside)}
    try:
        if hint in _SCALARS or origin in _SCALARS:
            return _scalar(_SCALARS[hint if hint in _SCALARS else origin])
    except TypeError:  # not hashable: no type that we know
        return _unknown(hint)
    return _class(origin or hint, hint, inside)


def _class(cls: object, hint: object, inside: tuple[object, ...]) -> Described:
    if not isinstance(cls, type):
        return _unknown(hint)
    if issubclass(cls, _FILES):
        return _scalar("Path")
    if issubclass(cls, enum.Enum):
        return _choice([member.value for member in cls], hint)
    if cls in inside:
        return _scalar("dict")
    family = records.family(cls)
    if family is None:
        return _unknown(hint)
    held = (*inside, cls)
    return {
        "kind": "record",
        "family": family,
        "name": cls.__name__,
        "fields": [
            {**each, "shape": shape(each["shape"], held)} for each in records.fields(cls, family)
        ],
    }


def _bare(hint: object) -> object:
    """Return the type behind aliases and wrappers."""
    while True:
        origin = typing.get_origin(hint)
        if hasattr(hint, "__supertype__"):  # typing.NewType
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":  # `type X = ...`, from Python 3.12 on
            hint = getattr(hint, "__value__")  # noqa: B009 - no type of ours has it
        elif getattr(origin, "_name", "") in {"Final", "Required", "NotRequired", "ReadOnly"}:
            (hint,) = typing.get_args(hint)
        else:
            return hint


def _scalar(name: str) -> Described:
    return {"kind": "scalar", "type": name}


def _unknown(hint: object) -> Described:
    if isinstance(hint, type):
        return {"kind": "unknown", "name": f"{hint.__module__}.{hint.__qualname__}"}
    return {"kind": "unknown", "name": repr(hint)}


def _literal(values: tuple[object, ...]) -> Described:
    present = [value for value in values if value is not None]
    choice = _choice(present, Literal)
    if len(present) == len(values):
        return choice
    return {"kind": "union", "variants": [choice], "nullable": True}


def _choice(values: list[object], hint: object) -> Described:
    try:
        return {"kind": "choice", "values": [to_json(value) for value in values]}
    except NotJson:
        return _unknown(hint)


def _union(hints: tuple[object, ...], inside: tuple[object, ...]) -> Described:
    variants: list[Described] = []
    nullable = False
    for hint in hints:
        if hint is type(None):
            nullable = True
            continue
        found = shape(hint, inside)
        inner = found["variants"] if found["kind"] == "union" else [found]
        nullable = nullable or bool(found.get("nullable"))
        variants += [variant for variant in inner if variant not in variants]
    if len(variants) == 1 and not nullable:
        return variants[0]
    return {"kind": "union", "variants": variants, "nullable": nullable}
