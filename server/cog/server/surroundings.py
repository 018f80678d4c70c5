"""What the service is given: the world around it, and the limits it holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cog.server.events import FEED_EVENTS
from cog.server.inputs import Download
from cog.server.outputs import SendFile
from cog.server.ready_file import ReadyFile
from cog.server.scratch import Scratch
from cog.server.store import Store
from cog.server.supervisor import Launch
from cog.server.tracing import Tracing

CANCEL_GRACE = 30.0
"""Seconds: a step of a large model may take many, and loading it again takes longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What holds where a request does not say otherwise; times in seconds, None: no limit.

    A prediction that was told to stop has ``cancel_grace`` to do so; then its worker is killed.
    ``feed_events`` are kept for those who follow a prediction late.
    """

    queue_timeout: float | None = None
    run_timeout: float | None = None
    cancel_grace: float | None = CANCEL_GRACE
    feed_events: int = FEED_EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the service does not decide: workers, time, names, where things are kept and sent."""

    launches: Mapping[str, Launch]  # by the name of the worker
    scratch: Scratch
    store: Store
    send_files: Callable[[], SendFile]  # for the files of one prediction
    download: Download
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    clock: Callable[[], float] = time.monotonic  # the loop's own may count milliseconds only
    tracing: Tracing | None = None
    ready_file: ReadyFile | None = None
