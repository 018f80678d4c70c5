"""`BaseModel`: structured values as plain dataclasses, with nothing to install."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from functools import partial
from typing import TYPE_CHECKING

from cog.input import FieldInfo

if TYPE_CHECKING or sys.version_info >= (3, 11):
    from typing import dataclass_transform
else:  # pragma: no cover - Python 3.10 only

    def dataclass_transform(**_options: object) -> object:
        """Stand in for the mark that only type checkers read."""
        return lambda cls: cls


_AUTO = "__cog_auto_dataclass__"


@dataclass_transform(field_specifiers=(field,))
class BaseModel:
    """Subclass it and write annotated fields: the subclass becomes a dataclass.

    Class arguments: ``auto_dataclass=False`` leaves the subclass alone; all others go to
    `dataclasses.dataclass`. Raises TypeError where the first base is not a BaseModel or another
    base is a dataclass, ValueError for ``auto_dataclass=False`` under a parent that is a dataclass
    already: in each case the fields inherited would be wrong.
    """

    def __init_subclass__(cls, *, auto_dataclass: bool = True, **options: bool) -> None:
        super().__init_subclass__()
        first, *others = cls.__bases__
        if not issubclass(first, BaseModel):
            raise TypeError(f"the first base of {cls.__name__} must be a BaseModel")
        if not auto_dataclass:
            if getattr(first, _AUTO, False):
                raise ValueError(
                    f"{cls.__name__} has auto_dataclass=False but its base {first.__name__} is a "
                    "dataclass: its fields would be lost"
                )
            setattr(cls, _AUTO, False)
            return
        for base in others:
            if is_dataclass(base) and not issubclass(base, BaseModel):
                raise TypeError(f"{cls.__name__} cannot mix dataclass {base.__name__} in")
        setattr(cls, _AUTO, True)
        _make_fields(cls)
        dataclass(**options)(cls)


def _make_fields(cls: type) -> None:
    """Turn the defaults that a dataclass would misread or refuse into what it takes."""
    annotations = _annotations_of(cls)
    for name, value in list(vars(cls).items()):
        if isinstance(value, FieldInfo):
            if value.default is ...:
                delattr(cls, name)
            else:
                setattr(cls, name, field(default_factory=value.fresh_default))
        elif isinstance(value, list | dict | set) and "ClassVar" not in str(
            annotations.get(name, "ClassVar")
        ):
            # Models written when Cog's BaseModel was pydantic's have such defaults: copied then.
            setattr(cls, name, field(default_factory=partial(copy.deepcopy, value)))


def _annotations_of(cls: type) -> Mapping[str, object]:
    """Return the class's own annotations, evaluated or not."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations  # noqa: PLC0415 - not in older Pythons

        return get_annotations(cls, format=Format.FORWARDREF)
    annotations: Mapping[str, object] = vars(cls).get("__annotations__", {})
    return annotations
