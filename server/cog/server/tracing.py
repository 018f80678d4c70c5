"""Traces of predictions: what the service tells, and whether anybody listens.

OpenTelemetry itself is in `cog.server.otel`, which is imported only where the environment names a
collector; without one a prediction costs nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

Context = Mapping[str, str]
"""The headers ``traceparent`` and ``tracestate`` of W3C Trace Context, where there are any."""


class Trace(Protocol):
    """The trace of one prediction, begun when it was taken."""

    @property
    def context(self) -> Context:
        """What to send along with requests that are made for it."""

    def started(self) -> None:
        """A worker has it now."""

    def ended(self, status: str, error: str) -> None:
        """It is over; ``error`` is empty unless it failed."""


class Tracing(Protocol):
    """Where traces go."""

    def taken(self, prediction_id: str, caller: Context) -> Trace:
        """Begin the trace of a prediction, as a part of its caller's if that has one."""

    def close(self) -> None:
        """Send what is left; waits for it."""


class TracingError(Exception):
    """Traces were asked for and cannot be sent; one line that says why."""


def load_tracing(environ: Mapping[str, str]) -> Tracing | None:
    """Return where traces go as OpenTelemetry's own variables say; None: nowhere.

    Raises TracingError.
    """
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    nowhere = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"
    if off or nowhere or not any(environ.get(name, "").strip() for name in ENDPOINTS):
        return None
    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip() or "http/protobuf"
    if protocol != "http/protobuf":
        raise TracingError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}: traces are sent as http/protobuf only"
        )
    try:
        from cog.server.otel import exporting  # noqa: PLC0415 # see the module's rule
    except ImportError as error:
        raise TracingError(
            f"traces cannot be sent: {error}; install 'cogkit[otel]' or unset {ENDPOINTS[1]}"
        ) from error
    return exporting()
