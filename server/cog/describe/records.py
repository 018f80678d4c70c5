"""Classes with named fields: `cog.BaseModel`, pydantic's models, TypedDicts, dataclasses."""

from __future__ import annotations

import copy
import dataclasses
import typing
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

import cog
from cog.describe.values import NotJson, to_json

Field = dict[str, Any]
_MISSING = dataclasses.MISSING


def family(cls: type) -> str | None:
    """Return which kind of record a class is, None when it is none."""
    if typing.is_typeddict(cls):
        return "typed_dict"
    if issubclass(cls, cog.BaseModel) or any(_is_pydantic(base) for base in cls.__mro__):
        return "model"
    return "dataclass" if dataclasses.is_dataclass(cls) else None


def fields(cls: type, kind: str) -> Iterator[Field]:
    """Yield the public fields, those of bases first; ``shape`` is the type as annotated."""
    types = typing.get_type_hints(cls, include_extras=True)
    required = _required(cls, types) if kind == "typed_dict" else None
    for name, hint in types.items():
        if name.startswith("_") or ClassVar in (hint, typing.get_origin(hint)):
            continue
        if required is not None:
            yield {"name": name, "shape": hint, "required": name in required}
        elif (field := _pydantic_field(cls, name)) is not None:
            yield {"name": name, "shape": hint, **field}
        else:
            yield {"name": name, "shape": hint, **_dataclass_field(cls, name, hint)}


def _required(cls: type, types: dict[str, object]) -> frozenset[str]:
    found: frozenset[str] = getattr(cls, "__required_keys__", frozenset(types))
    if not getattr(cls, "__total__", True):
        return found
    return frozenset(name for name in found if not _allows_none(types.get(name)))


def _is_pydantic(cls: type) -> bool:
    return cls.__name__ == "BaseModel" and cls.__module__.partition(".")[0] == "pydantic"


def _pydantic_field(cls: type, name: str) -> Field | None:
    """What pydantic knows of a field: version 2, else version 1."""
    known: dict[str, Any] = getattr(cls, "model_fields", None) or getattr(cls, "__fields__", {})
    if name not in known:
        return None
    info = known[name]
    required = info.is_required() if callable(getattr(info, "is_required", None)) else info.required
    details = getattr(info, "field_info", info)
    found: Field = {"required": bool(required) and not _allows_none(info.annotation)}
    if details.description is not None:
        found["description"] = details.description
    return found if required else found | _default(info.default)


def _dataclass_field(cls: type, name: str, hint: object) -> Field:
    known = {field.name: field for field in dataclasses.fields(cls)}
    if name not in known:
        return {"required": not _allows_none(hint)}
    field = known[name]
    if field.default is not _MISSING:
        return {"required": False, **_default(field.default)}
    factory = field.default_factory
    if factory is _MISSING:
        return {"required": not _allows_none(hint)}
    info = getattr(factory, "__self__", None)
    if isinstance(info, cog.FieldInfo):  # cog.BaseModel made it of Input(...)
        described = {} if info.description is None else {"description": info.description}
        return {"required": False, **described, **_default(info.default)}
    if isinstance(factory, partial) and factory.func is copy.deepcopy:  # and this of a plain value
        return {"required": False, **_default(factory.args[0])}
    return {"required": False}


def _default(value: object) -> Field:
    """A default only informs: one that is not JSON, and None, are left out."""
    try:
        found = to_json(value)
    except NotJson:
        return {}
    return {} if found is None else {"default": found}


def _allows_none(hint: object) -> bool:
    return type(None) in typing.get_args(hint)
