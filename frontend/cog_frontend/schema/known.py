"""The types of Python's and Cog's own modules, by canonical name, and advice about the others."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from cog_frontend.errors import near
from cog_frontend.schema.model import Kind
from cog_frontend.schema.project import last

KINDS: Mapping[str, Kind] = {
    "builtins.str": Kind.STRING,
    "typing.Text": Kind.STRING,
    "builtins.int": Kind.INTEGER,
    "builtins.float": Kind.NUMBER,
    "builtins.bool": Kind.BOOLEAN,
    "builtins.dict": Kind.OBJECT,
    "typing.Dict": Kind.OBJECT,
    "typing.Mapping": Kind.OBJECT,
    "typing.Any": Kind.OBJECT,
    "cog.Opaque": Kind.OBJECT,
    "cog.Path": Kind.FILE,
    "cog.URLPath": Kind.FILE,
    "cog.File": Kind.FILE,
    "cog.URLFile": Kind.FILE,
    "pathlib.Path": Kind.FILE,
    "pathlib.PosixPath": Kind.FILE,
    "cog.Secret": Kind.SECRET,
}
LISTS = frozenset({"builtins.list", "typing.List"})
MAPS = frozenset({"builtins.dict", "typing.Dict", "typing.Mapping"})
WRAPPERS = frozenset({"typing.Final", "typing.Required", "typing.NotRequired", "typing.ReadOnly"})
ITERATORS = frozenset(
    {"typing.Iterator", "typing.AsyncIterator", "typing.Generator", "typing.AsyncGenerator"}
)
CONCATENATE = frozenset({"cog.ConcatenateIterator", "cog.AsyncConcatenateIterator"})
NEW_TYPES = frozenset({"typing.NewType", "typing_extensions.NewType"})
ADVICE: Mapping[str, str] = {
    "builtins.tuple": "use list[...]",
    "builtins.set": "use list[...]",
    "builtins.frozenset": "use list[...]",
    "builtins.bytes": "use cog.Path",
    "builtins.object": "use typing.Any",
    "typing.Tuple": "use list[...]",
    "typing.Set": "use list[...]",
    "typing.Sequence": "use list[...]",
    "typing.Iterable": "use list[...], or Iterator[...] for an output that is sent piece by piece",
    "typing.IO": "use cog.Path",
    "typing.BinaryIO": "use cog.Path",
}
SCALARS = "str, int, float, bool, Path, File, Secret, dict, list[...], Literal and Enum"
_NO_RECORDS = {"cog", "numpy", "pandas", "PIL", "torch", "tensorflow", "jax", "cv2", "scipy"}
_TYPING = {"Any", "Dict", "Iterator", "List", "Literal", "Optional", "Union"}


def advice(name: str) -> str:
    """Say what to write in place of a type that the document does not know."""
    if name in ITERATORS | CONCATENATE:
        return "an iterator can only be the whole output"
    if name in ADVICE:
        return ADVICE[name]
    if name.startswith(("builtins.", "typing.", "cog.")):
        return near(last(name), map(last, KINDS)) or f"use one of {SCALARS}"
    return f"write Annotated[{last(name)}, cog.Opaque] to pass it as a JSON object"


def may_be_supported(name: str) -> bool:
    """Whether a type from outside the project may be one that the document knows.

    A package may bring records and choices; Python's own modules and the arrays, tensors and
    pictures of the packages below are none.
    """
    return name.partition(".")[0] not in sys.stdlib_module_names | _NO_RECORDS


def import_advice(name: str) -> str:
    """Say how to import a type whose name is known, "" for any other name."""
    if f"cog.{name}" in KINDS or f"cog.{name}" in CONCATENATE:
        return f"add `from cog import {name}`"
    return f"add `from typing import {name}`" if name in _TYPING else ""
