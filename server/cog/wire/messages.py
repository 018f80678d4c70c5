"""What the HTTP process and a worker say to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

MAX_LOG = 1024 * 1024
"""Characters in one `Log`; a writer cuts longer text into several messages."""

Stream = Literal["stdout", "stderr"]
Status = Literal["succeeded", "failed", "canceled"]
MetricMode = Literal["replace", "increment", "append", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predict:
    """Server to worker: run this input.

    ``input`` is the client's object after `cog.wire.escape`, in which the server may have
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
