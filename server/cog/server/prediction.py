"""One request to the model and its life: what happened so far, and how a client sees it.

Who decides when something happens is the service; this module keeps the record and refuses moves
that are not in the table.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from cog._metrics import Metrics
from cog.server.logs import LogBuffer
from cog.wire import Done


class Status(str, enum.Enum):
    """What the API calls ``status``."""

    STARTING = "starting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.STARTING: frozenset({Status.PROCESSING, Status.FAILED, Status.CANCELED}),
    Status.PROCESSING: frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELED: frozenset(),
}


class IllegalTransition(Exception):
    """A bug in the server: a move that is not in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a prediction ended: ``status`` is one without a way out in `TRANSITIONS`.

    ``output`` is as it came over the wire, None where the handler yields: its items came before.
    ``error`` is empty unless failed. ``metrics`` None: those recorded so far. ``predict_time`` is
    in seconds.
    """

    status: Status
    output: object = None
    error: str = ""
    is_iterator: bool = False
    metrics: dict[str, object] | None = None
    predict_time: float = 0.0


class Prediction:
    """One request: ``id`` and ``input`` stay, the rest grows until the prediction ends.

    ``input`` is what clients are shown, secrets already hidden; None: they are shown none. Times
    are aware datetimes in UTC.
    """

    __slots__ = (
        "_completed_at",
        "_created_at",
        "_logs",
        "_metrics",
        "_result",
        "_started_at",
        "id",
        "input",
        "items",
        "output",
        "status",
    )

    def __init__(
        self, prediction_id: str, given: dict[str, object] | None, created_at: datetime
    ) -> None:
        self.id = prediction_id
        self.input = given
        self.items: list[object] = []  # what a handler has yielded, as clients see it
        self.output: object = None  # what it has returned, as clients see it
        self.status = Status.STARTING
        self._created_at = created_at
        self._started_at: datetime | None = None
        self._completed_at: datetime | None = None
        self._logs = LogBuffer()
        self._metrics: Metrics | None = None
        self._result: Result | None = None

    @property
    def started_at(self) -> datetime | None:
        """When a worker got it; None while it waits."""
        return self._started_at

    @property
    def is_waiting(self) -> bool:
        """Whether no worker has it yet."""
        return self.status is Status.STARTING

    def start(self, now: datetime) -> None:
        """A worker has it now."""
        self._move(Status.PROCESSING)
        self._started_at = now

    def log(self, text: str) -> None:
        """The handler printed something."""
        self._logs.add(text)

    def measure(self, name: str, value: object, mode: str) -> None:
        """The handler recorded a metric; modes as in `cog.wire.Metric`.

        Raises ValueError and TypeError for what no handler can have recorded.
        """
        if self._metrics is None:
            self._metrics = Metrics()
        if mode == "delete":
            self._metrics.delete(name)
        else:
            self._metrics.record(name, value, mode)

    def end(self, result: Result, now: datetime) -> None:
        """It is over; a second end is an IllegalTransition."""
        self._move(result.status)
        self._completed_at = now
        self._result = result

    def snapshot(self) -> dict[str, object]:
        """Return the JSON object that clients see.

        ``input`` is present where it is shown, ``output`` where succeeded or if there is any,
        ``error`` where failed, times where reached.
        """
        result = self._result
        view: dict[str, object] = {"id": self.id}
        if self.input is not None:
            view["input"] = self.input
        if self.items or (result is not None and result.is_iterator):
            view["output"] = self.items
        elif result is not None and self.status is Status.SUCCEEDED:
            view["output"] = self.output
        if result is not None and self.status is Status.FAILED:
            view["error"] = result.error
        view["logs"] = str(self._logs)
        view["status"] = self.status.value
        view["metrics"] = self._measured()
        view["created_at"] = self._created_at.isoformat()
        if self._started_at is not None:
            view["started_at"] = self._started_at.isoformat()
        if self._completed_at is not None:
            view["completed_at"] = self._completed_at.isoformat()
        return view

    def _measured(self) -> dict[str, object]:
        result = self._result
        if result is not None and result.metrics is not None:
            metrics = dict(result.metrics)
        else:
            metrics = {} if self._metrics is None else self._metrics.nested()
        if result is not None:
            metrics["predict_time"] = result.predict_time
        return metrics

    def _move(self, status: Status) -> None:
        if status not in TRANSITIONS[self.status]:
            raise IllegalTransition(f"prediction {self.id}: {self.status} -> {status}")
        self.status = status

    def __repr__(self) -> str:
        return f"<Prediction {self.id} {self.status.value}>"


def failed(error: str, *, predict_time: float = 0.0) -> Result:
    """Return the result of a prediction that the server, not its handler, has to fail."""
    return Result(status=Status.FAILED, error=error, predict_time=predict_time)


def result_of(done: Done) -> Result:
    """Return the result that a worker reports, output values as they came over the wire.

    A failure reads ``Prediction failed: ValueError: boom``: Cog's documents show the prefix once;
    its server (0.23) has it twice.
    """
    status = Status(done.status)
    return Result(
        status=status,
        output=done.output,
        error=f"Prediction failed: {done.error}" if status is Status.FAILED else "",
        is_iterator=done.is_iterator,
        metrics=done.metrics,
        predict_time=done.predict_time,
    )
