"""What is known of predictions: those that go on, and those that have ended, for a while.

The protocol is narrow on purpose. A store that keeps records on disk, or for many servers, passes
the same conformance suite (``tests/server/conformance``) and needs no change above it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from cog.server.events import Event


class Record(NamedTuple):
    """One prediction as a store knows it.

    ``key`` is the client's idempotency key, ``fingerprint`` tells requests apart that came under
    one id or key; both may be empty. While it goes on, ``status`` is "starting" and ``document``
    empty; then ``document`` is the JSON that clients see, and ``events`` what its feed has kept
    after ``dropped`` others.
    """

    id: str
    created_at: datetime
    key: str = ""
    fingerprint: bytes = b""
    status: str = "starting"
    document: bytes = b""
    events: tuple[Event, ...] = ()
    dropped: int = 0

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return bool(self.document)


class Page(NamedTuple):
    """Records, newest first; ``cursor`` asks for the next page, None: there is none."""

    records: tuple[Record, ...]
    cursor: str | None


class BadCursor(Exception):
    """A cursor that this store has not given."""


class Store(Protocol):
    """Keeps records by id; see the module's rule."""

    async def add(self, record: Record, replacing: Record | None = None) -> Record | None:
        """Keep a record unless there is one with its id or its key: return that one then.

        That one may be ``replacing``, which is forgotten. One step: of two that add the same id or
        key at a time, one is given the other's record.
        """

    async def remove(self, record: Record) -> None:
        """Forget a record and its key; nothing where another, or none, has its id."""

    async def find(self, record_id: str) -> Record | None:
        """Return the record with this id."""

    async def page(self, cursor: str | None, limit: int) -> Page:
        """Return at most ``limit`` records in the order they were added, newest first.

        Records that are added or forgotten between two pages make none appear twice. Raises
        BadCursor.
        """

    def end(self, record: Record, then: Callable[[], None]) -> None:
        """Keep the record of a prediction that has ended in place of the one before.

        Calls ``then`` once, when it is kept: before that nobody is told that it has ended.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long ended predictions are kept: the latest ``count``, with about ``size`` bytes in all,
    for ``age`` seconds. Those that go on are always kept.
    """

    count: int = 1000
    size: int = 64 * 1024 * 1024
    age: float = 3600.0


class _Ended(NamedTuple):
    at: float
    size: int


class MemoryStore(Store):
    """Keeps records in this process; ``clock`` gives seconds that never go back."""

    def __init__(self, keep: Keep, clock: Callable[[], float]) -> None:
        self._keep = keep
        self._clock = clock
        self._records: dict[str, tuple[int, Record]] = {}  # in the order they were added
        self._keys: dict[str, str] = {}
        self._ended: dict[str, _Ended] = {}  # in the order they ended
        self._size = 0
        self._added = 0

    async def add(self, record: Record, replacing: Record | None = None) -> Record | None:
        """See `Store`."""
        if self._known(record):
            self._forget_old()
        known = self._known(record)
        for one in known:
            if one != replacing:
                return one
        for one in known:
            self._forget(one.id)
        self._added += 1
        self._records[record.id] = (self._added, record)
        if record.key:
            self._keys[record.key] = record.id
        return None

    async def remove(self, record: Record) -> None:
        """See `Store`."""
        known = self._records.get(record.id)
        if known is not None and known[1] == record:
            self._forget(record.id)

    async def find(self, record_id: str) -> Record | None:
        """See `Store`."""
        self._forget_old()
        known = self._records.get(record_id)
        return None if known is None else known[1]

    async def page(self, cursor: str | None, limit: int) -> Page:
        """See `Store`."""
        self._forget_old()
        before = self._added + 1 if cursor is None else _number(cursor)
        older = (entry for entry in reversed(self._records.values()) if entry[0] < before)
        found = [entry for entry, _ in zip(older, range(limit + 1), strict=False)]
        shown = found[:limit]
        more = len(found) > limit and shown
        return Page(tuple(record for _, record in shown), str(shown[-1][0]) if more else None)

    def end(self, record: Record, then: Callable[[], None]) -> None:
        """See `Store`."""
        known = self._records.get(record.id)
        if known is not None:
            self._records[record.id] = (known[0], record)
            # The events hold once more what the document shows.
            ended = _Ended(self._clock(), 2 * len(record.document))
            self._ended[record.id] = ended
            self._size += ended.size
            self._forget_old()
        then()

    def _known(self, record: Record) -> list[Record]:
        """Return the records that have its key or its id."""
        ids = (
            {self._keys.get(record.key, ""): None, record.id: None} if record.key else (record.id,)
        )
        return [self._records[one][1] for one in ids if one in self._records]

    def _forget_old(self) -> None:
        oldest = self._clock() - self._keep.age
        while self._ended:
            record_id, ended = next(iter(self._ended.items()))
            within = len(self._ended) <= self._keep.count and self._size <= self._keep.size
            if within and ended.at >= oldest:
                return
            self._forget(record_id)

    def _forget(self, record_id: str) -> None:
        _, record = self._records.pop(record_id, (0, None))
        if record is not None and record.key:
            self._keys.pop(record.key, None)
        ended = self._ended.pop(record_id, None)
        if ended is not None:
            self._size -= ended.size

    def __repr__(self) -> str:
        return f"<MemoryStore {len(self._records)} records, {len(self._ended)} ended>"


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 20):
        raise BadCursor(f"the cursor {cursor[:40]!r} is not one of this list")
    return int(cursor)
