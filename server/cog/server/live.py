"""A prediction as routes see it, whether it goes on in this process or is only remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import orjson

from cog.server.encoding import encode_json
from cog.server.events import Completed, Feed
from cog.server.outputs import Outputs
from cog.server.prediction import Prediction, Result, failed
from cog.server.store import Record
from cog.server.tracing import Context, Trace

NORMAL = 3
"""The priority of a request that asks for none: the default urgency of RFC 9218."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a client has a prediction taken; times in seconds.

    ``client`` is whom to be fair to. ``priority`` is the urgency of RFC 9218, 0 first and 7 last.
    ``size`` is the bytes of the request. It fails if it has not started after ``queue_timeout``, or
    not ended ``run_timeout`` after its start. ``echo``: clients are shown its input. ``key`` is the
    client's idempotency key. ``join``: where the id is taken, that prediction is the answer;
    ``fingerprint`` then has to be that of its request, unless it is empty. ``trace`` holds the
    headers of its caller's trace. ``folder`` holds its uploads; it is the prediction's own from
    when it is taken.
    """

    client: str = ""
    priority: int = NORMAL
    size: int = 0
    queue_timeout: float | None = None
    run_timeout: float | None = None
    echo: bool = True
    key: str = ""
    join: bool = False
    fingerprint: bytes = b""
    trace: Context = field(default_factory=dict)
    folder: Path | None = None


class Place(NamedTuple):
    """Where a prediction waits: ``position`` 1 is the next, ``wait`` an estimate in seconds."""

    position: int
    wait: float


class Tracked(Protocol):
    """A prediction that routes can show and follow."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def feed(self) -> Feed:
        """Its events so far."""

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done once it has ended and been recorded; shared, so never to be canceled."""

    def snapshot(self) -> dict[str, object]:
        """Return the JSON object that clients see now."""

    def document(self) -> bytes:
        """Return `snapshot` as JSON."""


class Submitted(NamedTuple):
    """``is_new`` is False where an id or an idempotency key led to an earlier prediction."""

    tracked: Tracked
    is_new: bool


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False, kw_only=True)
class Live:
    """A `Tracked` prediction that this process has taken; it stays what it is after the end."""

    prediction: Prediction
    record: Record
    terms: Terms
    given: dict[str, object]  # as the client sent it, secrets and all
    context: dict[str, str]
    outputs: Outputs
    place: Callable[[str], Place | None]
    feed: Feed
    replaced: Record | None = None  # of one that ended, whose id it has taken
    arrival: asyncio.Task[None] | None = None  # while its input files are fetched
    result: Result | None = None  # what its worker said, until the pool lets it end
    trace: Trace | None = None
    taken: float = 0.0  # when, on the service's clock
    began: float | None = None  # when it started
    timer: asyncio.TimerHandle | None = None  # what comes next if nothing happens
    stopping: bool = False  # its worker was asked to cancel it
    has_file_inputs: bool = False  # the server has put them into its folder
    folder_used: bool = True  # there may be something in its folder
    overrun: str = ""  # why the server itself had it canceled
    ended: asyncio.Future[None] = field(default_factory=_future)
    _document: bytes = b""

    @property
    def id(self) -> str:
        """See `Tracked`."""
        return self.prediction.id

    @property
    def folder(self) -> Path | None:
        """Where it writes; None before it has started."""
        return self.outputs.folder

    def snapshot(self) -> dict[str, object]:
        """See `Tracked`; while it waits, ``queue`` says where."""
        view = self.prediction.snapshot()
        if self.prediction.is_waiting and (place := self.place(self.id)) is not None:
            view["queue"] = {"position": place.position, "estimated_wait": round(place.wait, 3)}
        return view

    def document(self) -> bytes:
        """See `Tracked`."""
        return self._document or encode_json(self.snapshot())

    def close(self) -> Record:
        """Return the record of its end; raises what `encode_json` raises."""
        self._document = encode_json(self.prediction.snapshot())
        status, record, feed = self.prediction.status.value, self.record, self.feed
        return Record(
            record.id,
            record.created_at,
            record.key,
            record.fingerprint,
            status,
            self._document,
            (*feed.kept(), Completed(status)),
            feed.dropped,
        )

    def refuse(self, why: str, now: datetime) -> None:
        """Fail it for those who have joined it meanwhile: it was not taken after all."""
        self.prediction.end(failed(why or "The model is not ready"), now)
        self.close()
        self.tell()

    def tell(self) -> None:
        """Tell everybody that it has ended."""
        self.feed.add(Completed(self.prediction.status.value))
        self.ended.set_result(None)
        self.given, self.context = {}, {}

    def __repr__(self) -> str:
        return f"<Live {self.prediction!r}>"


class Past:
    """A `Tracked` prediction that is only remembered."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.feed = Feed.of(record.events, record.dropped)
        self.ended = _future()
        if record.ended:
            self.ended.set_result(None)

    @property
    def id(self) -> str:
        """See `Tracked`."""
        return self.record.id

    def snapshot(self) -> dict[str, object]:
        """See `Tracked`."""
        return cast("dict[str, object]", orjson.loads(self.document()))

    def document(self) -> bytes:
        """See `Tracked`."""
        record = self.record
        return record.document or encode_json({"id": record.id, "status": record.status})

    def __repr__(self) -> str:
        return f"<Past {self.record.id} {self.record.status}>"
