"""Tells a client's URL what happens to its prediction: decisions first, then the deliveries.

One task for each prediction sends one request at a time, so what arrives is in order. What happens
while a request is out is told in one by the next: each shows the prediction as it is when it is
sent. The end is told last and tried again until it is taken (`RETRIES`).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, get_args

from cog.server.encoding import encode_json
from cog.server.events import Completed, Event, Logged, Missed, Output, Started
from cog.server.fetch import Fetcher, FetchError, Limits
from cog.server.live import Tracked
from cog.server.logs import LOGGER
from cog.server.tally import WebhookTally

_log = logging.getLogger(LOGGER)

Kind = Literal["start", "output", "logs", "completed"]
KINDS: tuple[Kind, ...] = get_args(Kind)

RETRIES = 12
"""How often the last event is tried again, and for which answers, as in Cog."""
RETRIED = {429, 500, 502, 503, 504}

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 102.4  # seconds, Cog's 100 ms doubled ten times
_LAST = Limits(seconds=30)  # Cog's timeout
_BETWEEN = Limits(seconds=10)  # of an event that a later one makes up for
_PER_HOST = 16  # deliveries at a time, so that a host that hangs holds up nobody else


class Due:
    """What one receiver has yet to be told and when: no I/O, no clock.

    ``interval`` seconds lie between requests for output and logs. Where the end is told, it stands
    for output and logs that have not been told yet.
    """

    def __init__(self, wanted: Iterable[Kind], interval: float) -> None:
        self._wanted = frozenset(wanted)
        self._interval = interval
        self._pending: set[Kind] = set()
        self._not_before = 0.0
        self._failures = 0

    def note(self, events: Iterable[Event]) -> None:
        """These things have happened."""
        for event in events:
            if isinstance(event, Started):
                self._pending.add("start")
            elif isinstance(event, Output):
                self._pending.add("output")
            elif isinstance(event, Logged):
                self._pending.add("logs")
            elif isinstance(event, Completed):
                self._complete()
        self._pending &= self._wanted

    def _complete(self) -> None:
        self._not_before = 0.0
        if "completed" in self._wanted:
            self._pending -= {"output", "logs"}
            self._pending.add("completed")
        else:
            # A handler that does not yield has its output only now.
            self._pending.add("output")

    def next(self, now: float) -> Kind | None:
        """Return what to tell now; None: nothing, or not yet."""
        if self.wait(now) != 0:
            return None
        return next(kind for kind in KINDS if kind in self._pending)

    def wait(self, now: float) -> float | None:
        """Return the seconds until there is something to tell; None: until something happens."""
        if not self._pending:
            return None
        if "completed" in self._pending or ("start" in self._pending and not self._failures):
            return 0
        return max(0, self._not_before - now)

    def told(self, kind: Kind, now: float, *, taken: bool) -> None:
        """It has been sent; what was not ``taken`` is due again, later each time."""
        if taken or kind == "completed" or "completed" in self._pending:
            self._pending.discard(kind)
            if kind == "output":  # it shows the logs too, and the other way round
                self._pending.discard("logs")
            self._failures = 0
        else:
            self._failures += 1
        pause = self._interval * 2**self._failures
        if kind != "start" or not taken:
            self._not_before = now + min(pause, 30.0)


def retry_delay(retry: int) -> float:
    """Return the seconds before retry number ``retry``, from 0."""
    return min(_FIRST_DELAY * float(2**retry), _LONGEST_DELAY)


def as_started(snapshot: Mapping[str, object]) -> dict[str, object]:
    """Return how a prediction looked when it began, from how it looks now."""
    later = {"output", "error", "completed_at", "queue"}
    kept = {name: value for name, value in snapshot.items() if name not in later}
    return kept | {"status": "processing", "logs": "", "metrics": {}}


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """Return the signing keys of COG_WEBHOOK_SECRET: several between commas, the first is new.

    A key is ``whsec_`` and base64, or any other text as it is. Raises ValueError.
    """
    keys = []
    for part in filter(None, re.split(r"[\s,]+", text)):
        if part.startswith("whsec_"):
            try:
                keys.append(base64.b64decode(part[len("whsec_") :], validate=True))
            except binascii.Error as error:
                raise ValueError(f"what follows whsec_ is not base64: {error}") from error
        else:
            keys.append(part.encode())
    return tuple(keys)


def signed(message_id: str, seconds: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of the Standard Webhooks specification (1.0.0) for a body."""
    content = f"{message_id}.{seconds}.".encode() + body
    signatures = (
        "v1," + base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
        for secret in secrets
    )
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signatures),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPolicy:
    """How webhooks are sent: ``auth_token`` as a bearer token, signed with ``secrets``."""

    auth_token: str = ""
    secrets: tuple[bytes, ...] = ()
    interval: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Where a prediction is told of, what is told, and headers that go with it."""

    url: str
    wanted: tuple[Kind, ...] = KINDS
    headers: Mapping[str, str] = field(default_factory=dict)


def _message_id() -> str:
    return f"msg_{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class _Message:
    about: str  # the prediction's id
    kind: Kind
    body: bytes
    hook: Hook
    id: str = field(default_factory=_message_id)


class Webhooks:
    """Sends the webhooks of all predictions, and counts them in ``tally``.

    ``now`` gives the seconds since 1970.
    """

    def __init__(
        self, fetcher: Fetcher, policy: WebhookPolicy, now: Callable[[], float] = time.time
    ) -> None:
        self._fetcher = fetcher
        self._policy = policy
        self._now = now
        self.tally = WebhookTally()
        self._tasks: dict[asyncio.Task[None], str] = {}  # with the prediction's id
        self._hosts: dict[str, asyncio.Semaphore] = {}

    def watch(self, tracked: Tracked, hook: Hook) -> None:
        """Tell a URL of everything that happens to a prediction, from its first event on."""
        task = asyncio.create_task(self._watch(tracked, hook))
        self._tasks[task] = tracked.id
        task.add_done_callback(self._tasks.pop)

    async def drain(self, seconds: float) -> None:
        """Let deliveries end for some seconds; what is not taken by then is given up and logged."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                self._give_up(self._tasks[task], "shutdown")
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _watch(self, tracked: Tracked, hook: Hook) -> None:
        loop = asyncio.get_running_loop()
        due = Due(hook.wanted, self._policy.interval)
        reader = tracked.feed.follow(0)
        while True:
            try:
                due.note(reader.take())
                kind = due.next(loop.time())
                if kind is None:
                    if reader.over:
                        return
                    due.note(await reader.next(due.wait(loop.time())))
                    continue
            except Missed:  # each request shows everything, so what was missed is made up for
                reader = tracked.feed.follow(tracked.feed.dropped)
                continue
            taken = await self._tell(kind, tracked, hook)
            due.told(kind, loop.time(), taken=taken)

    async def _tell(self, kind: Kind, tracked: Tracked, hook: Hook) -> bool:
        body = encode_json(as_started(tracked.snapshot())) if kind == "start" else b""
        body = body or tracked.document()
        message = _Message(tracked.id, kind, body, hook)
        if not tracked.ended.done() or kind == "start":
            return await self._send(message, _BETWEEN) is None
        taken = await self._insist(message)
        if not taken:
            self._give_up(tracked.id, "the receiver does not take it")
        return taken

    async def _insist(self, message: _Message) -> bool:
        for retry in range(RETRIES + 1):
            retryable = await self._send(message, _LAST)
            if not retryable:
                return retryable is None
            if retry < RETRIES:
                await asyncio.sleep(retry_delay(retry))
                self.tally.retries += 1
        return False

    def _give_up(self, prediction_id: str, why: str) -> None:
        self.tally.given_up += 1
        _log.error("The last webhook of prediction %s is given up: %s", prediction_id, why)

    async def _send(self, message: _Message, limits: Limits) -> bool | None:
        """Send one request; None: it was taken, else whether trying again may help."""
        hook, body = message.hook, message.body
        headers = {"content-type": "application/json", **hook.headers}
        if self._policy.auth_token:
            headers["authorization"] = f"Bearer {self._policy.auth_token}"
        if self._policy.secrets:
            seconds, secrets = int(self._now()), self._policy.secrets
            headers |= signed(message.id, seconds, body, secrets)
        try:
            async with self._place_at(hook.url):
                with self._measured(message.kind):
                    said = await self._fetcher.send("POST", hook.url, body, headers, limits)
        except FetchError as error:
            self.tally.failures["no_answer"] += 1
            _log.warning("A webhook of prediction %s failed: %s", message.about, error)
            return error.retryable
        if 200 <= said.status < 300:
            return None
        self.tally.failures["status"] += 1
        _log.warning("A webhook of prediction %s got status %d", message.about, said.status)
        return said.status in RETRIED

    @contextmanager
    def _measured(self, kind: Kind) -> Iterator[None]:
        clock = asyncio.get_running_loop().time
        began = clock()
        self.tally.attempts[kind] += 1
        try:
            yield
        finally:
            self.tally.took.note(clock() - began)

    def _place_at(self, url: str) -> asyncio.Semaphore:
        host = url.split("/", 3)[2]
        if len(self._hosts) > 1000:
            self._hosts = {name: gate for name, gate in self._hosts.items() if gate.locked()}
        return self._hosts.setdefault(host, asyncio.Semaphore(_PER_HOST))
