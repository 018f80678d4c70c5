"""``GET /metrics``: what Prometheus is told. The names are a promise, see ``docs/http.md``.

Base units, ``_total`` for what only grows, and no label whose values a client could choose.
prometheus-client is imported when somebody asks first: few do, and it takes its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cog.server.tally import Durations, Tally, WebhookTally

if TYPE_CHECKING:
    from prometheus_client import Metric


class Level(NamedTuple):
    """What goes up and down, as it is now."""

    queue_depths: dict[int, int]  # by priority
    queue_capacity: int
    queue_bytes: int
    queue_oldest: float  # seconds
    slots_busy: int
    slots_idle: int
    workers: dict[str, int]  # by state


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of `exposition`: the Prometheus text format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All that the page is made of."""

    tally: Tally
    webhooks: WebhookTally
    level: Level
    version: str


def exposition(figures: Figures) -> bytes:
    """Return the page that Prometheus reads."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

    registry = CollectorRegistry()
    registry.register(_Collector(figures))
    return generate_latest(registry)


class _Collector:
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from self._counters()
        yield from self._durations()
        yield from self._gauges()

    def _counters(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415

        tally, webhooks = self._figures.tally, self._figures.webhooks
        for name, label, help_text, counts in (
            ("cog_predictions", "status", "Predictions that have ended.", tally.ended),
            ("cog_queue_rejections", "reason", "Predictions that were refused.", tally.refused),
            ("cog_worker_restarts", "reason", "Workers started again.", tally.restarts),
            ("cog_webhook_attempts", "event", "Webhooks that were sent.", webhooks.attempts),
            ("cog_webhook_failures", "reason", "Those not taken.", webhooks.failures),
        ):
            family = CounterMetricFamily(name, help_text, labels=[label])
            for value, count in sorted(counts.items()):
                family.add_metric([value], count)
            yield family
        for name, help_text, number in (
            ("cog_webhook_retries", "Last webhooks that were sent again.", webhooks.retries),
            ("cog_webhook_given_up", "Last webhooks never taken.", webhooks.given_up),
        ):
            yield CounterMetricFamily(name, help_text, value=number)

    def _durations(self) -> Iterator[Metric]:
        from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415

        tally, webhooks = self._figures.tally, self._figures.webhooks
        named: tuple[tuple[str, str, Durations], ...] = (
            ("prediction_queue_duration", "From being taken to a slot.", tally.queued),
            ("prediction_run_duration", "From a slot to the end.", tally.ran),
            ("prediction_total_duration", "From being taken to the end.", tally.took),
            (
                "prediction_time_to_first_output",
                "From being taken to the first item.",
                tally.first_output,
            ),
            ("setup_duration", "How long setup took, failed ones too.", tally.setups),
            ("webhook_duration", "Of one attempt, up to its answer.", webhooks.took),
        )
        for name, help_text, durations in named:
            yield HistogramMetricFamily(
                f"cog_{name}_seconds",
                help_text,
                buckets=durations.cumulative(),
                sum_value=durations.sum,
            )

    def _gauges(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        level = self._figures.level
        for name, help_text, value in (
            ("cog_queue_capacity", "Predictions that may wait.", level.queue_capacity),
            ("cog_queue_bytes", "Bytes of requests that wait.", level.queue_bytes),
            ("cog_queue_oldest_age_seconds", "How long one has waited most.", level.queue_oldest),
        ):
            yield GaugeMetricFamily(name, help_text, value=value)
        slots = {"busy": level.slots_busy, "idle": level.slots_idle}
        depths = {str(priority): count for priority, count in level.queue_depths.items()}
        for name, label, help_text, values in (
            ("cog_queue_depth", "priority", "Predictions that wait.", depths),
            ("cog_slots", "state", "Slots of workers that are up.", slots),
            ("cog_workers", "state", "Workers.", level.workers),
            ("cog_build_info", "version", "Always 1.", {self._figures.version: 1}),
        ):
            family = GaugeMetricFamily(name, help_text, labels=[label])
            for label_value, value in sorted(values.items()):
                family.add_metric([label_value], value)
            yield family
