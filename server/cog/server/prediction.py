"""One request to the model and its life: what happened so far, and how a client sees it.

Who decides when something happens is the service; this module keeps the record and refuses moves
that are not in the table.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime

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

    ``output`` of one that did not succeed is what had come before, None if nothing had. ``error``
    is empty unless failed. ``predict_time`` is in seconds.
    """

    status: Status
    output: object = None
    error: str = ""
    metrics: dict[str, object] = field(default_factory=dict)
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
        "_result",
        "_started_at",
        "id",
        "input",
        "status",
    )

    def __init__(
        self, prediction_id: str, given: dict[str, object] | None, created_at: datetime
    ) -> None:
        self.id = prediction_id
        self.input = given
        self.status = Status.STARTING
        self._created_at = created_at
        self._started_at: datetime | None = None
        self._completed_at: datetime | None = None
        self._logs = LogBuffer()
        self._result: Result | None = None

    @property
    def started_at(self) -> datetime | None:
        """When a worker got it; None while it waits."""
        return self._started_at

    def start(self, now: datetime) -> None:
        """A worker has it now."""
        self._move(Status.PROCESSING)
        self._started_at = now

    def log(self, text: str) -> None:
        """The handler printed something."""
        self._logs.add(text)

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
        times = {
            "created_at": self._created_at,
            "started_at": self._started_at,
            "completed_at": self._completed_at,
        }
        result = self._result or Result(status=self.status)
        metrics = dict(result.metrics)
        if self._result is not None:
            metrics["predict_time"] = result.predict_time
        view: dict[str, object] = {"id": self.id}
        if self.input is not None:
            view["input"] = self.input
        if self.status is Status.SUCCEEDED or result.output is not None:
            view["output"] = result.output
        if self.status is Status.FAILED:
            view["error"] = result.error
        view |= {"logs": str(self._logs), "status": self.status.value, "metrics": metrics}
        view |= {name: time.isoformat() for name, time in times.items() if time is not None}
        return view

    def _move(self, status: Status) -> None:
        if status not in TRANSITIONS[self.status]:
            raise IllegalTransition(f"prediction {self.id}: {self.status} -> {status}")
        self.status = status

    def __repr__(self) -> str:
        return f"<Prediction {self.id} {self.status.value}>"


def failed(error: str, *, output: object = None, predict_time: float = 0.0) -> Result:
    """Return the result of a prediction that the server, not its handler, has to fail."""
    return Result(status=Status.FAILED, output=output, error=error, predict_time=predict_time)


def result_of(done: Done, items: list[object]) -> Result:
    """Return the result that a worker reports, output values as they came over the wire.

    A failure reads ``Prediction failed: ValueError: boom``: Cog's documents show the prefix once;
    its server (0.23) has it twice.
    """
    status = Status(done.status)
    return Result(
        status=status,
        output=items if items or done.is_iterator else done.output,
        error=f"Prediction failed: {done.error}" if status is Status.FAILED else "",
        metrics=done.metrics,
        predict_time=done.predict_time,
    )
