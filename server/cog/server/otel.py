"""Traces by OpenTelemetry: a span for the whole of a prediction, and in it one for each part."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from cog import __version__
from cog.server.tracing import Context

_PROPAGATOR = TraceContextTextMapPropagator()


def exporting() -> OpenTelemetry:
    """Return traces that go to the collector that OpenTelemetry's environment variables name."""
    return OpenTelemetry(BatchSpanProcessor(OTLPSpanExporter()))


class OpenTelemetry:
    """A `Tracing` that hands spans to ``processor``."""

    def __init__(self, processor: SpanProcessor) -> None:
        # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over this name.
        resource = Resource.create({SERVICE_NAME: "cog"}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("cog", __version__)

    def taken(self, prediction_id: str, caller: Context) -> OpenTelemetryTrace:
        """See `Tracing`."""
        parent = _PROPAGATOR.extract(caller)
        whole = self._tracer.start_span(
            "prediction",
            context=parent,
            kind=SpanKind.SERVER,
            attributes={"cog.prediction.id": prediction_id},
        )
        return OpenTelemetryTrace(self._tracer, whole)

    def close(self) -> None:
        """See `Tracing`."""
        self._provider.shutdown()


class OpenTelemetryTrace:
    """A `Trace` of spans: ``prediction`` around ``queue`` and ``run``."""

    def __init__(self, tracer: trace.Tracer, whole: Span) -> None:
        self._tracer = tracer
        self._whole = whole
        self._inside = set_span_in_context(whole)
        self._part = tracer.start_span("queue", context=self._inside)

    @property
    def context(self) -> Context:
        """See `Trace`."""
        headers: dict[str, str] = {}
        _PROPAGATOR.inject(headers, self._inside)
        return headers

    def started(self) -> None:
        """See `Trace`."""
        self._part.end()
        self._part = self._tracer.start_span("run", context=self._inside)

    def ended(self, status: str, error: str) -> None:
        """See `Trace`."""
        self._part.end()
        self._whole.set_attribute("cog.prediction.status", status)
        if status == "failed":
            self._whole.set_status(Status(StatusCode.ERROR, error))
        self._whole.end()
