"""`Input`: what a handler says about one of its parameters beside its type."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldInfo:
    """What `Input` was told; fields as its arguments.

    ``default`` None stands for "no default": such an input is required unless its type is Optional.
    ``...`` makes it required whatever its type.
    """

    default: Any = None
    description: str | None = None
    ge: float | None = None
    le: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    regex: str | None = None
    choices: Sequence[Any] | None = None
    deprecated: bool | None = None
    accept: str | None = None

    def fresh_default(self) -> Any:  # noqa: ANN401 - a default has the parameter's type, any at all
        """Return the default; a mutable one as a copy, so predictions do not share it."""
        return copy.deepcopy(self.default)


def Input(  # noqa: N802, PLR0913 - the name and arguments of Cog's API
    default: Any = None,  # noqa: ANN401 - a default has the parameter's type, any at all
    *,
    default_factory: Any = None,  # noqa: ANN401 - refused whatever it is
    description: str | None = None,
    ge: float | None = None,
    le: float | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    regex: str | None = None,
    choices: Sequence[Any] | None = None,
    deprecated: bool | None = None,
    accept: str | None = None,
) -> Any:  # noqa: ANN401 - stands as the default of a parameter of any type
    """Describe an input; use it as the parameter's default.

    ``ge`` and ``le`` bound numbers, ``min_length``, ``max_length`` and ``regex`` text, ``choices``
    lists the allowed values, ``accept`` is HTML accept syntax for file inputs. Values are checked
    by the server, before the handler runs. Raises TypeError for ``default_factory``: the schema is
    read without running code, so a default must be a value.
    """
    if default_factory is not None:
        raise TypeError("Input() takes no default_factory: give the value itself as default")
    return FieldInfo(
        default=default,
        description=description,
        ge=ge,
        le=le,
        min_length=min_length,
        max_length=max_length,
        regex=regex,
        choices=choices,
        deprecated=deprecated,
        accept=accept,
    )
