"""Frames: one message each, as bytes.

A frame is one message: two 4-byte big-endian lengths, that many bytes of UTF-8 JSON, and that many
bytes of text. JSON and never pickle, because the other side runs code that is not ours. Every
message is checked field by field when it is read, so a message object that exists is valid.

Long texts are moved out of the JSON, since Python writes and reads them many times slower there
than as they are: null stands in their place, and ``texts`` of the JSON says where each belongs, as
``[[field, key?], bytes]``, in the order in which they follow it.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import fields
from typing import Any, Generic, TypeVar, get_args

from cog.wire.messages import (
    TO_SERVER,
    TO_WORKER,
    Done,
    Log,
    MetricMode,
    Output,
    Predict,
    Status,
    Stream,
    ToServer,
    ToWorker,
)

_LENGTHS = struct.Struct("!II")

MAX_FRAME = 128 * 1024 * 1024
"""Bytes in one frame: the HTTP body limit of 100 MiB and room for the envelope."""

LONG_TEXT = 16 * 1024
"""Characters from which a text travels beside the JSON."""


Loads = Callable[[bytearray], object]


class FrameError(Exception):
    """The other side broke the protocol; the stream cannot be used further."""


# Made once: json.dumps and json.loads make one, or find out the encoding, at every call.
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
)
_DECODER = json.JSONDecoder()


def _dumps(value: object) -> bytes:
    return _ENCODER.encode(value).encode("utf-8", "replace")


def _loads(data: bytearray) -> object:
    return _DECODER.decode(data.decode("utf-8"))


def encode(message: ToWorker | ToServer, dumps: Callable[[object], bytes] = _dumps) -> bytes:
    """Return the frame of a message; ``dumps`` writes JSON.

    Text that is not Unicode (lone surrogates) arrives as ``?``. Raises ValueError for NaN, infinity
    and frames over `MAX_FRAME`, TypeError for what JSON cannot hold, RecursionError for nesting
    beyond Python's own limit.
    """
    body: dict[str, object] = {"type": message.type}
    for name in _FIELDS[type(message)]:
        body[name] = getattr(message, name)
    texts = _take_texts(body, _PAYLOAD[type(message)])
    data = dumps(body)
    size = len(data) + sum(map(len, texts))
    if size > MAX_FRAME:
        raise ValueError(f"message of {size} bytes, limit {MAX_FRAME}")
    return b"".join((_LENGTHS.pack(len(data), size - len(data)), data, *texts))


def _take_texts(body: dict[str, object], name: str) -> list[bytes]:
    """Take the long texts out of a message's payload, if it is one or holds some itself."""
    value, texts, places = body.get(name), [], []
    if isinstance(value, str):
        if len(value) >= LONG_TEXT:
            texts.append(value.encode("utf-8", "replace"))
            places.append([[name], len(texts[-1])])
            body[name] = None
    elif isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        long = [
            (key, item) for key, item in items if isinstance(item, str) and len(item) >= LONG_TEXT
        ]
        if long:
            rest: Any = value.copy()
            for key, item in long:
                texts.append(item.encode("utf-8", "replace"))
                places.append([[name, key], len(texts[-1])])
                rest[key] = None
            body[name] = rest
    if places:
        body["texts"] = places
    return texts


M = TypeVar("M", bound="ToWorker | ToServer")


class Receiver(Generic[M]):
    """Feed it bytes in any cut; iterate whole messages out.

    ``accepts`` names the messages of this direction, `TO_WORKER` or `TO_SERVER`; ``loads`` reads
    JSON and raises ValueError or RecursionError for what is none.
    """

    def __init__(self, accepts: Collection[type[M]], loads: Loads = _loads) -> None:
        self._types = {cls.type: cls for cls in accepts}
        self._loads = loads
        self._buffer = bytearray()
        self._failed: FrameError | None = None

    def receive(self, data: bytes) -> Iterator[M]:
        """Take bytes in any cut and iterate the messages they complete.

        Raises FrameError after the messages that came before the fault, and from then on.
        """
        self._buffer += data
        return self._messages()

    def close(self) -> None:
        """Say that the stream has ended; raises FrameError if it ended inside a frame."""
        if self._buffer and self._failed is None:
            self._failed = FrameError(f"stream ended inside a frame ({len(self._buffer)} bytes)")
            raise self._failed

    def _messages(self) -> Iterator[M]:
        if self._failed is not None:
            raise self._failed
        try:
            while (frame := self._next_frame()) is not None:
                yield _decode(*frame, self._types, self._loads)
        except FrameError as error:
            self._failed = error
            self._buffer.clear()
            raise

    def _next_frame(self) -> tuple[bytearray, bytearray] | None:
        buffer = self._buffer
        if len(buffer) < _LENGTHS.size:
            return None
        length, texts = _LENGTHS.unpack_from(buffer)
        if length + texts > MAX_FRAME:
            raise FrameError(f"frame of {length + texts} bytes, limit {MAX_FRAME}")
        middle = _LENGTHS.size + length
        end = middle + texts
        if len(buffer) < end:
            return None
        frame = buffer[_LENGTHS.size : middle], buffer[middle:end]
        del buffer[:end]
        return frame


def _decode(body: bytearray, texts: bytearray, types: dict[str, type[M]], loads: Loads) -> M:
    try:
        values = loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"frame is not JSON: {error}") from error
    kind = values.pop("type", None) if isinstance(values, dict) else None
    cls = types.get(kind) if isinstance(kind, str) else None
    if not isinstance(values, dict) or cls is None:
        raise FrameError(f"unknown message {bytes(body[:80])!r}")
    if texts or "texts" in values:
        _put_texts(values, _PAYLOAD[cls], values.pop("texts", None), texts)
    checks = _FIELDS[cls]
    for name, value in values.items():
        if name not in checks or not checks[name](value):
            raise FrameError(f"message {kind!r}: bad field {name!r}: {value!r:.80}")
    try:
        return cls(**values)
    except TypeError as error:
        raise FrameError(f"message {kind!r}: {error}") from error


def _put_texts(values: dict[str, Any], payload: str, places: Any, texts: bytearray) -> None:  # noqa: ANN401 - checked by using it
    """Undo `_take_texts`. Raises FrameError."""
    start, view = 0, memoryview(texts)
    try:
        for (name, *keys), size in places:
            text = str(view[start : start + size], "utf-8")
            start += size
            target: Any = values
            for key in (name, *keys)[:-1]:
                target = target[key]
            last = (name, *keys)[-1]
            if name != payload or len(keys) > 1 or size < 0 or target[last] is not None:
                raise ValueError(f"no text belongs in {name!r}")  # noqa: TRY301 - all the same fault
            target[last] = text
    except (TypeError, ValueError, LookupError) as error:
        raise FrameError(f"texts are not where they should be: {error}") from error
    if start != len(texts):
        raise FrameError(f"{len(texts)} bytes of text, {start} expected")


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_one_of(words: object) -> Callable[[object], bool]:
    known = frozenset(get_args(words))
    return lambda value: isinstance(value, str) and value in known


def _is_text_map(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


# Keyed by the annotation as written above, so that a field of a new kind fails in the first test.
_CHECKS: dict[str, Callable[[object], bool]] = {
    "str": lambda value: isinstance(value, str),
    "str | None": lambda value: value is None or isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "float": _is_number,
    "object": lambda _value: True,
    "list[str]": lambda value: (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    ),
    "dict[str, object]": lambda value: isinstance(value, dict),
    "dict[str, str]": _is_text_map,
    "Stream": _is_one_of(Stream),
    "Status": _is_one_of(Status),
    "MetricMode": _is_one_of(MetricMode),
}
_MESSAGES: tuple[type[ToWorker | ToServer], ...] = (*TO_WORKER, *TO_SERVER)
_FIELDS: dict[type, dict[str, Callable[[object], bool]]] = {
    cls: {f.name: _CHECKS[str(f.type)] for f in fields(cls)} for cls in _MESSAGES
}

_PAYLOAD: dict[type, str] = dict.fromkeys(_FIELDS, "") | {
    Predict: "input",
    Output: "value",
    Done: "output",
    Log: "data",
}
