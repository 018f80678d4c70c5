"""Where the time of a build goes: what the frontend sent, what it waited for, when it was where.

On only for ``--build-arg COGKIT_TRACE=1``; a build without it never imports this module. The trace
rides on the result under a key that the exporters hand back to the client (buildx:
``--metadata-file``): BuildKit passes on metadata whose key begins with ``frontend.``, see
frontend/gateway and control/control.go.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from cog_frontend.gateway.pending import Call, Transport
from cog_frontend.gateway.result import Result

KEY = "frontend.cogkit.trace"


class Trace:
    """The rows of one build, in the order things happened.

    Times are seconds since ``zero`` on ``clock``. ``cpu`` gives the CPU seconds this process has
    used, ``epoch`` is the Unix time at zero, ``age`` how long the process existed by then.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        cpu: Callable[[], float],
        *,
        epoch: float,
        age: float,
    ) -> None:
        self._clock = clock
        self._cpu = cpu
        self._zero = clock()
        self._epoch = epoch
        self._age = age
        self._rows: list[dict[str, object]] = []
        self._calls = 0

    def __repr__(self) -> str:
        return f"<Trace {len(self._rows)} rows, {self._calls} calls>"

    def now(self) -> float:
        """Seconds since zero."""
        return self._clock() - self._zero

    def mark(self, name: str) -> None:
        """Note that the build is at ``name`` now, and the CPU time it has used."""
        self._add("mark", name, self.now(), cpu=_short(self._cpu()))

    def sent(self, method: str, size: int) -> int:
        """Note a request of ``size`` bytes that is about to be sent; return the call's number."""
        self._calls += 1
        self._add("sent", method, self.now(), call=self._calls, bytes=size)
        return self._calls

    def waited(self, method: str, call: int, since: float) -> None:
        """Note that the process had nothing to do but wait for a call, from ``since`` to now."""
        self._add("waited", method, since, call=call, seconds=_short(self.now() - since))

    def watch(self, transport: Transport) -> Transport:
        """Return a transport that notes every call here and passes it on."""
        return _TracedTransport(transport, self)

    def annotate(self, result: Result) -> Result:
        """Return the result with the rows so far: it is about to be returned."""
        self.mark("return")
        return result.with_metadata({KEY: self.document()})

    def document(self) -> bytes:
        """The trace as JSON: ``epoch``, ``age`` and ``rows``, seconds to the microsecond."""
        document = {
            "epoch": _short(self._epoch),
            "age": _short(self._age),
            "rows": self._rows,
        }
        return json.dumps(document, separators=(",", ":")).encode()

    def _add(self, what: str, name: str, at: float, **more: object) -> None:
        self._rows.append({"what": what, "name": name, "at": _short(at), **more})


class _TracedTransport:
    def __init__(self, transport: Transport, trace: Trace) -> None:
        self._transport = transport
        self._trace = trace

    def start(self, method: str, request: bytes) -> Call:
        """Send ``request``, as ``Transport.start`` does; the trace names no service."""
        name = method.rpartition("/")[2]
        number = self._trace.sent(name, len(request))
        return _TracedCall(self._transport.start(method, request), self._trace, (name, number))


class _TracedCall:
    def __init__(self, call: Call, trace: Trace, named: tuple[str, int]) -> None:
        self._call = call
        self._trace = trace
        self._named = named

    def result(self) -> bytes:
        """Wait for the reply; the wait is noted also when it ends with an error."""
        since = self._trace.now()
        try:
            return self._call.result()
        finally:
            self._trace.waited(*self._named, since)


def trace_this_process() -> Trace:
    """Return a trace on the clocks of this process, with its first mark: ``main``."""
    trace = Trace(
        time.monotonic,
        time.process_time,
        epoch=time.time(),
        age=process_age(
            Path("/proc/self/stat").read_bytes(),
            time.clock_gettime(time.CLOCK_BOOTTIME),
            os.sysconf("SC_CLK_TCK"),
        ),
    )
    trace.mark("main")
    return trace


def process_age(stat: bytes, uptime: float, ticks: int) -> float:
    """Return the seconds since a process began, to one clock tick (commonly 10 ms).

    ``stat`` is its /proc/PID/stat (proc_pid_stat(5): field 22 is the start, in ``ticks`` per
    second since boot), ``uptime`` the seconds since boot. In a container the process began as the
    runtime that then became this program, so its last set-up steps count as well.
    """
    after_name = stat[stat.rindex(b")") + 2 :].split()
    return uptime - int(after_name[22 - 3]) / ticks


def _short(seconds: float) -> float:
    return round(seconds, 6)
