from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cog.server.otel import OpenTelemetry
from cog.server.tracing import TracingError, load_tracing

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def spans_of(caller: dict[str, str], *, starts: bool, status: str) -> dict[str, ReadableSpan]:
    exporter = InMemorySpanExporter()
    tracing = OpenTelemetry(SimpleSpanProcessor(exporter))
    trace = tracing.taken("a", caller)
    if starts:
        trace.started()
    trace.ended(status, "boom" if status == "failed" else "")
    tracing.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def test_a_prediction_is_a_span_around_its_queue_and_its_run() -> None:
    spans = spans_of({}, starts=True, status="succeeded")
    whole = spans["prediction"]
    assert whole.context is not None
    assert parent_of(whole) is None
    assert parent_of(spans["queue"]) == parent_of(spans["run"]) == whole.context.span_id
    assert dict(whole.attributes or {}) == {
        "cog.prediction.id": "a",
        "cog.prediction.status": "succeeded",
    }
    assert whole.status.is_unset
    assert whole.resource.attributes["service.name"] == "cog"


def test_it_is_part_of_its_callers_trace_and_passes_that_on() -> None:
    whole = spans_of({"traceparent": CALLER}, starts=True, status="succeeded")["prediction"]
    assert whole.context is not None
    assert f"{whole.context.trace_id:032x}" == CALLER.split("-")[1]
    assert f"{parent_of(whole):016x}" == CALLER.split("-")[2]

    trace = OpenTelemetry(SimpleSpanProcessor(InMemorySpanExporter())).taken(
        "a", {"traceparent": CALLER}
    )
    version, trace_id, span_id, _ = trace.context["traceparent"].split("-")
    assert (version, trace_id) == ("00", CALLER.split("-")[1])
    assert span_id != CALLER.split("-")[2]


@pytest.mark.parametrize("header", ["nonsense", "", "00-0-0-0", "x" * 10_000])
def test_a_header_that_is_none_begins_a_trace_of_its_own(header: str) -> None:
    whole = spans_of({"traceparent": header}, starts=True, status="succeeded")["prediction"]
    assert parent_of(whole) is None


def test_what_never_ran_has_no_run_and_a_failure_is_an_error() -> None:
    spans = spans_of({}, starts=False, status="failed")
    assert sorted(spans) == ["prediction", "queue"]
    assert not spans["prediction"].status.is_ok
    assert spans["prediction"].status.description == "boom"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nobody_asked_for_traces(environ: dict[str, str]) -> None:
    assert load_tracing(environ) is None


def run_without(names: list[str], code: str) -> str:
    block = f"import sys; sys.modules.update(dict.fromkeys({names!r}))\n"
    done = subprocess.run(
        [sys.executable, "-c", block + code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "server")},
    )
    return done.stdout.strip()


def test_opentelemetry_is_not_imported_where_nobody_asked() -> None:
    code = """
import cog.server.serve, cog.server.app
from cog.server.tracing import load_tracing
load_tracing({})
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    assert run_without([], code) == "[]"


def test_without_the_packages_it_says_what_to_install() -> None:
    code = """
from cog.server.tracing import TracingError, load_tracing
try:
    load_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"})
except TracingError as error:
    print(error)
"""
    said = run_without(["opentelemetry"], code)
    assert said.endswith("install 'cogkit[otel]' or unset OTEL_EXPORTER_OTLP_ENDPOINT")


def test_a_protocol_that_we_do_not_speak_is_refused() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(TracingError, match="http/protobuf only"):
        load_tracing(environ)
