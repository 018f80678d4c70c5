"""What happens to a prediction, in order and numbered: the one source of SSE, NDJSON and webhooks.

A `Feed` keeps the latest events of one prediction; any number of readers follow it, each at its own
pace and from any number on. Nobody polls, and a reader costs nothing while nobody reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

FEED_EVENTS = 65536
"""Events that a feed keeps. Cog keeps 1024 (``COG_STREAM_HISTORY_CAPACITY``), which a fast model
fills before a reader has had its first turn."""

FEED_TEXT = 16 * 1024 * 1024
"""Characters of log text that a feed keeps, as many as a prediction's own log."""


class Started(NamedTuple):
    """A worker has it now."""


class Output(NamedTuple):
    """Item ``position`` (from 0, without gaps) of a handler that yields, as clients see it."""

    position: int
    value: object


class Logged(NamedTuple):
    """Text was printed, lines or parts of lines with their newlines."""

    stream: str
    text: str


class Measured(NamedTuple):
    """A metric was recorded; modes as in `cog.wire.Metric`."""

    name: str
    value: object
    mode: str


class Completed(NamedTuple):
    """It has ended, and nothing follows; how, says the prediction's document."""

    status: str


Event = Started | Output | Logged | Measured | Completed


class Missed(Exception):
    """Events have been dropped that this reader has not seen; it cannot go on without a gap."""


class Feed:
    """The events of one prediction, numbered from 1; the last is `Completed`.

    At most ``events`` events with ``text`` characters of log are kept; the oldest go first.
    """

    __slots__ = ("_before", "_events", "_max_events", "_max_text", "_readers", "_text", "closed")

    def __init__(self, events: int = FEED_EVENTS, text: int = FEED_TEXT) -> None:
        self.closed = False
        self._events: list[Event] = []
        self._before = 0  # how many have been dropped
        self._text = 0
        self._max_events = events
        self._max_text = text
        self._readers: set[Reader] | None = None

    @classmethod
    def of(cls, events: Sequence[Event], dropped: int) -> Feed:
        """Return the feed of a prediction that has ended, from what `kept` gave."""
        feed = cls()
        feed._events, feed._before, feed.closed = list(events), dropped, True
        return feed

    @property
    def last(self) -> int:
        """The number of the latest event, 0 before the first."""
        return self._before + len(self._events)

    @property
    def dropped(self) -> int:
        """How many of the first events are gone."""
        return self._before

    def kept(self) -> tuple[Event, ...]:
        """Return the events that are kept, the first of them with the number `dropped` + 1."""
        return tuple(self._events)

    def add(self, event: Event) -> None:
        """Something happened; after `Completed` nothing may."""
        assert not self.closed, "nothing follows the end"
        self._events.append(event)
        if isinstance(event, Logged):
            self._text += len(event.text)
        elif isinstance(event, Completed):
            self.closed = True
        # With room to spare, since dropping moves all that stays.
        if len(self._events) > self._max_events * 5 // 4 or self._text > self._max_text:
            self._drop()
        if self._readers:
            for reader in self._readers:
                reader.wake()

    def after(self, number: int) -> list[Event]:
        """Return all events with higher numbers; raises Missed where some are gone."""
        if number < self._before:
            raise Missed(f"events {number + 1} to {self._before} have been dropped")
        return self._events[number - self._before :]

    def follow(self, after: int = 0) -> Reader:
        """Return a reader of the events with numbers above ``after``, a client's last event id."""
        return Reader(self, min(max(after, 0), self.last))

    def _drop(self) -> None:
        excess = max(0, len(self._events) - self._max_events)
        text = sum(len(event.text) for event in self._events[:excess] if isinstance(event, Logged))
        while self._text - text > self._max_text and excess < len(self._events) - 1:
            event = self._events[excess]
            text += len(event.text) if isinstance(event, Logged) else 0
            excess += 1
        del self._events[:excess]
        self._before += excess
        self._text -= text

    def add_waiting(self, reader: Reader) -> None:
        """Wake this reader at the next event."""
        if self._readers is None:
            self._readers = set()
        self._readers.add(reader)

    def remove_waiting(self, reader: Reader) -> None:
        """Wake it no more."""
        if self._readers is not None:
            self._readers.discard(reader)

    def __repr__(self) -> str:
        return f"<Feed {self.last} events{', closed' if self.closed else ''}>"


class Reader:
    """One reader's place in a feed: ``seen`` is the number of the last event it was given."""

    __slots__ = ("_feed", "_rests", "_woken", "seen")

    def __init__(self, feed: Feed, seen: int) -> None:
        self._feed = feed
        self._woken: asyncio.Future[None] | None = None
        self._rests = False  # only the end is to wake it
        self.seen = seen

    @property
    def over(self) -> bool:
        """Whether everything has been given and nothing more comes."""
        return self._feed.closed and self.seen >= self._feed.last

    def take(self) -> list[Event]:
        """Return what is new, without waiting; raises Missed if this reader was too slow."""
        events = self._feed.after(self.seen)
        self.seen += len(events)
        return events

    async def next(self, timeout: float | None = None) -> list[Event]:
        """Return what is new, at least one event; empty: it is over, or ``timeout`` seconds passed.

        Several events that came at once are one list, so that they can be sent as one piece. Raises
        Missed if this reader was too slow. May be canceled without losing events.
        """
        if not (events := self.take()) and not self._feed.closed:
            await self._wait(timeout)
            events = self.take()
        return events

    async def rest(self, seconds: float) -> None:
        """Return after that time, whatever comes meanwhile, or as soon as nothing more can come."""
        if not self._feed.closed:
            self._rests = True
            try:
                await self._wait(seconds)
            finally:
                self._rests = False

    def wake(self) -> None:
        """There is something new; called by the feed."""
        if self._feed.closed or not self._rests:
            self._go_on()

    def _go_on(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def _wait(self, timeout: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._woken = loop.create_future()
        timer = None if timeout is None else loop.call_later(timeout, self._go_on)
        self._feed.add_waiting(self)
        try:
            await self._woken
        finally:
            self._feed.remove_waiting(self)
            self._woken = None
            if timer is not None:
                timer.cancel()
