"""The predictions that are running, and whose text, items and metrics are whose.

All that leaves for the server about a prediction passes through here, so that nothing with its id
can follow its `Done`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from cog import wire
from cog._metrics import Metrics, Mode
from cog.worker.channel import Channel
from cog.worker.lines import Lines, chunks

STREAMS: tuple[wire.Stream, wire.Stream] = ("stdout", "stderr")


MAX_ITEMS = 512 * 1024 * 1024
"""Bytes of all items of one prediction: the server keeps them until it has ended, and after."""


class Unfinished:
    """Unfinished lines, each thread's apart: lines that threads print at a time do not mix.

    Nor do those of a finaliser or signal handler with the line in whose middle it runs.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[wire.Stream, int, bool], Lines] = {}

    def of(self, stream: wire.Stream, *, interrupts: bool) -> Lines:
        """Return the line that this thread is printing, ``interrupts``: amid another one."""
        return self._lines.setdefault((stream, threading.get_ident(), interrupts), Lines())

    def take(self) -> Iterator[tuple[wire.Stream, str]]:
        """Give up what all threads have begun, in the order they began."""
        if not self._lines:
            return
        lines, self._lines = self._lines, {}
        for (stream, *_), line in lines.items():
            yield stream, line.close()


@dataclass(slots=True, eq=False)
class Run:
    """One prediction in this worker.

    ``started`` is on the registry's clock. ``canceled`` is set when the server asks for it,
    ``interrupted`` once the handler has been told, ``ended`` when `Done` is sent. ``task`` runs an
    async handler.
    """

    message: wire.Predict
    started: float = 0.0
    canceled: bool = False
    interrupted: bool = False
    ended: bool = False
    items: int = 0
    size: int = 0  # bytes of the items
    task: asyncio.Task[None] | None = None
    metrics: Metrics = field(default_factory=Metrics)
    unfinished: Unfinished = field(default_factory=Unfinished)

    @property
    def id(self) -> str:
        """The prediction's id."""
        return self.message.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a handler ended; fields as in `wire.Done`."""

    status: wire.Status
    output: object = None
    is_iterator: bool = False
    error: str = ""


class Section:
    """One thread at a time, which then sends what it has queued.

    Reentrant: a finaliser or signal handler may print while its thread is in here. Then only the
    outermost sends: nobody waits for the server inside.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *_error: object) -> None:
        self._depth -= 1
        outermost = not self._depth
        self._lock.release()
        if outermost:
            self._channel.flush()


class Runs:
    """The registry; ``clock`` gives seconds.

    Text belongs to the prediction in whose context it was printed. Text without a context (other
    threads, subprocesses, C code) belongs to the one prediction that is running, if it is one.
    Whoever does several things that must not be mixed with others' does them in ``section``.
    """

    def __init__(
        self, channel: Channel, clock: Callable[[], float], max_items: int = MAX_ITEMS
    ) -> None:
        self._max_items = max_items
        self.current: ContextVar[Run | None] = ContextVar("run", default=None)
        self._channel = channel
        self._clock = clock
        self._active: dict[str, Run] = {}
        self._unfinished = Unfinished()
        self._raw: dict[wire.Stream, Lines] = {stream: Lines() for stream in STREAMS}
        self.section = Section(channel)

    def __repr__(self) -> str:
        return f"<Runs {', '.join(self._active) or 'none'}>"

    def begin(self, message: wire.Predict) -> Run:
        """Register a prediction. Raises ValueError while another with its id is running."""
        run = Run(message, started=self._clock())
        with self.section:
            if message.id in self._active:
                raise ValueError(f"prediction {message.id!r} is running already")
            self._flush_shared()
            self._active[message.id] = run
        return run

    @property
    def busy(self) -> bool:
        """Whether a prediction is running."""
        return bool(self._active)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Make what is printed in this context belong to no prediction."""
        token = self.current.set(Run(wire.Predict(id="", input={})))
        try:
            yield
        finally:
            self.current.reset(token)

    def find(self, prediction_id: str) -> Run | None:
        """Return a running prediction."""
        return self._active.get(prediction_id)

    def printed(self, stream: wire.Stream, data: bytes, *, interrupts: bool = False) -> None:
        """Take bytes written through `sys.stdout` or `sys.stderr` in this context.

        For ``interrupts`` see `Unfinished.of`.
        """
        with self.section:
            run = self._owner(self.current.get())
            line = self._begun(run).of(stream, interrupts=interrupts)
            self._log(run, stream, line.feed(data))

    def flushed(self, stream: wire.Stream, *, interrupts: bool = False) -> None:
        """Send the unfinished line that this context has written."""
        with self.section:
            run = self._owner(self.current.get())
            line = self._begun(run).of(stream, interrupts=interrupts)
            self._log(run, stream, line.flush())

    def written(self, stream: wire.Stream, data: bytes) -> None:
        """Take bytes written to file descriptor 1 or 2 itself."""
        with self.section:
            self._log(self._owner(None), stream, self._raw[stream].feed(data))

    def note(self, run: Run | None, text: str) -> None:
        """Log a text of the worker's own, such as a traceback, to a prediction (None: to none)."""
        with self.section:
            self._log_begun(run)
            self._log(run, "stderr", text)

    def item(self, run: Run, value: object) -> None:
        """Send the next item of a handler that yields; raises as `wire.encode` does.

        Raises ValueError after more than `MAX_ITEMS` bytes, too.
        """
        with self.section:
            run.size += self._channel.put(wire.Output(id=run.id, index=run.items, value=value))
            run.items += 1
        if run.size > self._max_items:
            raise ValueError(f"the items are larger than {self._max_items} bytes together")

    def metric(self, run: Run, name: str, value: object, mode: Mode) -> None:
        """Send a metric, unless the prediction has ended meanwhile."""
        with self.section:
            if self._active.get(run.id) is run:
                self._channel.put(wire.Metric(id=run.id, name=name, value=value, mode=mode))

    def finish(self, run: Run, outcome: Outcome, *, folder_used: bool) -> None:
        """Send what the prediction has printed and that it is done, and forget it.

        Raises as `wire.encode` does; then the prediction is still running.
        """
        with self.section:
            self._log_begun(run)
            if len(self._active) == 1:
                self._flush_shared()
            done = wire.Done(
                id=run.id,
                status=outcome.status,
                output=outcome.output,
                is_iterator=outcome.is_iterator,
                error=outcome.error,
                predict_time=self._clock() - run.started,
                metrics=run.metrics.nested(),
                folder_used=folder_used,
            )
            self._channel.put(done)
            del self._active[run.id]
            run.ended = True

    def flush(self) -> None:
        """Send every unfinished line that belongs to no single prediction."""
        with self.section:
            self._flush_shared()

    def detach(self) -> None:
        """Forget everything, after a fork: the predictions run in the parent."""
        self.section = Section(self._channel)
        self._active.clear()

    def _owner(self, run: Run | None) -> Run | None:
        if run is not None:
            return run if self._active.get(run.id) is run else None
        return next(iter(self._active.values())) if len(self._active) == 1 else None

    def _flush_shared(self) -> None:
        self._log_begun(None)
        for stream, lines in self._raw.items():
            if text := lines.flush():
                self._log(self._owner(None), stream, text)

    def _begun(self, run: Run | None) -> Unfinished:
        return run.unfinished if run else self._unfinished

    def _log_begun(self, run: Run | None) -> None:
        for stream, text in self._begun(run).take():
            self._log(run, stream, text)

    def _log(self, run: Run | None, stream: wire.Stream, text: str) -> None:
        for part in chunks(text, wire.MAX_LOG):
            self._channel.put(wire.Log(id=run.id if run else None, stream=stream, data=part))
