"""Outputs as JSON values for the wire; files are copied into the prediction's directory.

Copied, because the handler may overwrite its file (``out.png`` at each step) before the server has
read it. So every file in an output lies inside that directory.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import io
import math
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence, Set, ValuesView
from typing import Any, cast

import cog
from cog import wire

_PLAIN = (str, bool, int)

MAX_DEPTH = 200
"""Levels of lists and objects in each other; deeper is taken for a cycle."""


class Encoder:
    """Turns what one prediction returns or yields into JSON; ``directory`` receives its files.

    ``used``: it has received some.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self.used = False

    def encode(self, value: object, path: str = "output", depth: int = 0) -> object:
        """Return the wire form of a value; ``path`` is how errors call it.

        Raises TypeError for what has no JSON form, ValueError for NaN, infinity and cycles, OSError
        for a file that cannot be read.
        """
        if value is None or type(value) in _PLAIN:
            return value
        if depth > MAX_DEPTH:
            raise ValueError(f"{path[:80]}… is nested more than {MAX_DEPTH} levels deep")
        for kind, encode in _ENCODERS:
            if isinstance(value, kind):
                return encode(self, value, path, depth)
        return self.encode(_converted(value, path), path, depth + 1)

    def _refuse(self, value: object, path: str, _depth: int) -> object:
        raise _refusal(value, path)

    def _enum(self, value: enum.Enum, path: str, depth: int) -> object:
        return self.encode(value.value, path, depth + 1)

    def _text(self, value: str, _path: str, _depth: int) -> str:
        return str.__str__(value)

    def _int(self, value: int, _path: str, _depth: int) -> int:
        return int(value)

    def _float(self, value: float, path: str, _depth: int) -> float:
        if not math.isfinite(value):
            raise ValueError(f"{path} is {float(value)}, which JSON cannot hold")
        return float(value)

    def _time(self, value: datetime.date | datetime.time, _path: str, _depth: int) -> str:
        return value.isoformat()

    def _secret(self, value: cog.Secret, _path: str, _depth: int) -> str:
        # Far likelier an echo of the inputs than meant for the client.
        return str(value)

    def _mapping(self, value: Mapping[object, object], path: str, depth: int) -> object:
        items = {_key(key, path): item for key, item in value.items()}
        encoded = {
            key: self.encode(item, f"{path}.{key}", depth + 1) for key, item in items.items()
        }
        return {wire.escape_key(key): item for key, item in encoded.items()}

    def _list(self, value: Any, path: str, depth: int) -> list[object]:  # noqa: ANN401 - any iterable
        return [
            self.encode(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)
        ]

    def _set(self, value: Set[Any], path: str, depth: int) -> list[object]:
        try:
            return self._list(sorted(value), path, depth)
        except TypeError:
            # Not comparable with each other: any order will do.
            return self._list(value, path, depth)

    def _url(self, value: cog.URLPath | cog.URLFile, _path: str, _depth: int) -> str:
        return value.source if isinstance(value, cog.URLPath) else value.url

    def _path(self, value: pathlib.Path, path: str, _depth: int) -> object:
        if not value.is_file():
            raise FileNotFoundError(f"{path} is a path that leads to no file: {value}")
        target = self._new_file(value.name)
        shutil.copyfile(value, target)
        return wire.file_value(str(target), name=value.name)

    def _file(self, value: io.IOBase, _path: str, _depth: int) -> object:
        stream: Any = value
        if stream.seekable():
            stream.seek(0)
        content = stream.read()
        name = getattr(value, "name", None)
        name = pathlib.Path(name).name if isinstance(name, str) and name else "file"
        target = self._new_file(name)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return wire.file_value(str(target), name=name)

    def _new_file(self, name: str) -> pathlib.Path:
        self.used = True
        return pathlib.Path(tempfile.mkdtemp(prefix="output-", dir=self._directory)) / name


_Encode = Callable[[Encoder, Any, str, int], object]
# In order: an Enum may be a str or int too, a URLPath is a Path, an open file is an iterator.
_ENCODERS: tuple[tuple[type | tuple[type, ...], _Encode], ...] = (
    (enum.Enum, Encoder._enum),
    (str, Encoder._text),
    (int, Encoder._int),
    (float, Encoder._float),
    ((datetime.date, datetime.time), Encoder._time),
    (cog.Secret, Encoder._secret),
    ((cog.URLPath, cog.URLFile), Encoder._url),
    (pathlib.Path, Encoder._path),
    (io.IOBase, Encoder._file),
    (Mapping, Encoder._mapping),
    (Set, Encoder._set),
    ((bytes, bytearray, memoryview), Encoder._refuse),
    ((Sequence, Iterator, ValuesView), Encoder._list),
)


def _key(key: object, path: str) -> str:
    key = key.value if isinstance(key, enum.Enum) else key
    if isinstance(key, str):
        return key
    if key is None:
        return "null"
    if isinstance(key, int | float):
        return str(key).lower() if isinstance(key, bool) else str(key)
    raise TypeError(f"keys of {path} must be text, not {type(key).__name__}")


def _converted(value: Any, path: str) -> object:  # noqa: ANN401 - asked for what it offers
    """Return a value one step nearer to JSON, by what its type offers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if not isinstance(value, type):
        # pydantic 2, then pydantic 1: told by its own attribute, since "dict" is a common name.
        if callable(dump := getattr(value, "model_dump", None)):
            return cast("object", dump())
        if hasattr(value, "__fields__") and callable(dump := getattr(value, "dict", None)):
            return cast("object", dump())
        # numpy arrays and scalars.
        if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
            return cast("object", value.tolist())
    raise _refusal(value, path)


def _refusal(value: object, path: str) -> TypeError:
    return TypeError(f"Object of type {type(value).__name__} is not JSON serializable (at {path})")


def is_stream(value: object) -> bool:
    """Say whether a handler's result is to be sent item by item."""
    return isinstance(value, Iterator) and not isinstance(value, io.IOBase)
