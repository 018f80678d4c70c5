"""The protocol between the HTTP process and a worker, without I/O: bytes in, messages out.

A frame is one message: two 4-byte big-endian lengths, that many bytes of UTF-8 JSON, and that many
bytes of text. JSON and never pickle, because the other side runs code that is not ours. Every
message is checked field by field when it is read, so a message object that exists is valid.

Long texts are moved out of the JSON, since Python writes and reads them many times slower there
than as they are: null stands in their place, and ``texts`` of the JSON says where each belongs, as
``[[field, key?], bytes]``, in the order in which they follow it.

Files inside values are `cog.wire_values`.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args

_LENGTHS = struct.Struct("!II")

MAX_FRAME = 128 * 1024 * 1024
"""Bytes in one frame: the HTTP body limit of 100 MiB and room for the envelope."""

LONG_TEXT = 16 * 1024
"""Characters from which a text travels beside the JSON."""

MAX_LOG = 1024 * 1024
"""Characters in one `Log`; a writer cuts longer text into several messages."""

Stream = Literal["stdout", "stderr"]
Status = Literal["succeeded", "failed", "canceled"]
MetricMode = Literal["replace", "increment", "append", "delete"]


class FrameError(Exception):
    """The other side broke the protocol; the stream cannot be used further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predict:
    """Server to worker: run this input.

    ``input`` is the client's object after `cog.wire_values.escape`, in which the server may have
    put file values.
    ``dir`` is an existing absolute directory owned by this prediction: the worker puts files there
    and the server deletes it afterwards.
    """

    type: ClassVar[str] = "predict"
    id: str
    input: dict[str, object]
    context: dict[str, str] = field(default_factory=dict)
    dir: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Server to worker: stop this prediction; unknown and finished ids are ignored."""

    type: ClassVar[str] = "cancel"
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """Server to worker: run the user's ``healthcheck`` and answer `Health` with the same nonce."""

    type: ClassVar[str] = "healthcheck"
    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Server to worker: answer `Pong` with the same nonce, whatever the model's code does.

    It is answered during setup too. No answer means that the whole process stands still: it is
    stopped, or native code keeps Python's lock.
    """

    type: ClassVar[str] = "ping"
    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """Server to worker: exit now with status 0; running predictions are given up."""

    type: ClassVar[str] = "shutdown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Worker to server: setup has succeeded; up to ``concurrency`` predictions may run at once.

    ``file_inputs`` names the inputs whose http(s) URLs the server has to turn into file values.
    """

    type: ClassVar[str] = "ready"
    concurrency: int
    is_async: bool
    streaming: bool
    python: str
    has_healthcheck: bool
    file_inputs: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupFailed:
    """Worker to server: loading or setup failed and the worker exits with status 1.

    ``error`` is one sentence, ``traceback`` the text a Python program would print (also logged).
    """

    type: ClassVar[str] = "setup_failed"
    error: str
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Worker to server: ``data`` was printed, lines or parts of lines with their newlines.

    ``id`` is None during setup and for text that belongs to no single prediction.
    """

    type: ClassVar[str] = "log"
    id: str | None
    stream: Stream
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Worker to server: item ``index`` (from 0, without gaps) of a handler that yields."""

    type: ClassVar[str] = "output"
    id: str
    index: int
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """Worker to server: the handler recorded a metric; ``value`` is None for mode "delete"."""

    type: ClassVar[str] = "metric"
    id: str
    name: str
    value: object
    mode: MetricMode = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Worker to server: the prediction ended; nothing with this id follows.

    ``output`` is None where ``is_iterator``: the items have been sent as `Output`. ``error`` is
    ``ExcType: message`` where the status is "failed", else empty. ``metrics`` holds the final
    values of every recorded metric, names with dots made into nested objects. ``predict_time`` is
    in seconds, from receiving `Predict` to the end of the handler. ``folder_used``: the worker has
    put something into the prediction's ``dir``.
    """

    type: ClassVar[str] = "done"
    id: str
    status: Status
    output: object = None
    is_iterator: bool = False
    error: str = ""
    predict_time: float = 0.0
    metrics: dict[str, object] = field(default_factory=dict)
    folder_used: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Worker to server: the answer to `Healthcheck`; ``error`` says why where not ``ok``."""

    type: ClassVar[str] = "health"
    nonce: int
    ok: bool
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """Worker to server: the answer to `Ping`."""

    type: ClassVar[str] = "pong"
    nonce: int


ToWorker = Predict | Cancel | Healthcheck | Ping | Shutdown
ToServer = Ready | SetupFailed | Log | Output | Metric | Done | Health | Pong
TO_WORKER: tuple[type[ToWorker], ...] = (Predict, Cancel, Healthcheck, Ping, Shutdown)
TO_SERVER: tuple[type[ToServer], ...] = (
    Ready,
    SetupFailed,
    Log,
    Output,
    Metric,
    Done,
    Health,
    Pong,
)


# Made once: json.dumps and json.loads make one, or find out the encoding, at every call.
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
)
_DECODER = json.JSONDecoder()


def _dumps(value: object) -> bytes:
    return _ENCODER.encode(value).encode("utf-8", "replace")


def _loads(data: bytes) -> object:
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

    def __init__(
        self, accepts: Collection[type[M]], loads: Callable[[bytes], object] = _loads
    ) -> None:
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

    def _next_frame(self) -> tuple[bytes, bytes] | None:
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
        frame = bytes(buffer[_LENGTHS.size : middle]), bytes(buffer[middle:end])
        del buffer[:end]
        return frame


def _decode(
    body: bytes, texts: bytes, types: dict[str, type[M]], loads: Callable[[bytes], object]
) -> M:
    try:
        values = loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"frame is not JSON: {error}") from error
    kind = values.pop("type", None) if isinstance(values, dict) else None
    cls = types.get(kind) if isinstance(kind, str) else None
    if not isinstance(values, dict) or cls is None:
        raise FrameError(f"unknown message {body[:80]!r}")
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


def _put_texts(values: dict[str, Any], payload: str, places: Any, texts: bytes) -> None:  # noqa: ANN401 - checked by using it
    """Undo `_take_texts`. Raises FrameError."""
    start = 0
    try:
        for (name, *keys), size in places:
            text = texts[start : start + size].decode("utf-8")
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
    "Stream": lambda value: value in get_args(Stream),
    "Status": lambda value: value in get_args(Status),
    "MetricMode": lambda value: value in get_args(MetricMode),
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
