from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cog.server.health import Health
from cog.server.metrics import Figures, Level, exposition
from cog.server.supervisor import Phase, Setup
from cog.server.tally import SECONDS, Durations, Tally, WebhookTally

SETUP = Setup(datetime.fromisoformat("2026-01-01T00:00:00+00:00"))


def health(phase: Phase, *, user_error: str = "", draining: bool = False) -> Health:
    return Health(
        phase=phase,
        busy=False,
        setup=SETUP,
        version={},
        user_error=user_error,
        trouble="" if phase is Phase.READY else "it died",
        draining=draining,
    )


@pytest.mark.parametrize(
    ("phase", "alive", "started", "ready"),
    [
        (Phase.STARTING, True, False, False),
        (Phase.READY, True, True, True),
        (Phase.RESTARTING, True, True, False),
        (Phase.SETUP_FAILED, True, False, False),
        (Phase.DEFUNCT, False, True, False),
        (Phase.STOPPED, True, True, False),
    ],
)
def test_each_phase_has_its_three_answers(
    phase: Phase, *, alive: bool, started: bool, ready: bool
) -> None:
    found = health(phase)
    assert (found.is_alive, found.has_started, found.is_ready) == (alive, started, ready)


def test_every_phase_is_judged() -> None:
    assert len(Phase) == 6


def test_what_is_sick_or_shutting_down_is_not_ready_and_says_why() -> None:
    sick = health(Phase.READY, user_error="Healthcheck failed: no")
    leaving = health(Phase.READY, draining=True)
    assert (sick.is_ready, sick.why) == (False, "Healthcheck failed: no")
    assert (leaving.is_ready, leaving.why) == (False, "the server is shutting down")


def test_durations_fall_into_the_bucket_that_holds_them() -> None:
    durations = Durations()
    for seconds in (0, 0.005, 0.0051, 600, 601):
        durations.note(seconds)
    buckets = dict(durations.cumulative())
    assert (buckets["0.005"], buckets["0.01"], buckets["600"], buckets["+Inf"]) == (2, 3, 4, 5)
    assert len(buckets) == len(SECONDS) + 1


LEVEL = Level(
    queue_depths={0: 1, 3: 2},
    queue_capacity=100,
    queue_bytes=30,
    queue_oldest=1.5,
    slots_busy=1,
    slots_idle=3,
    workers={"ready": 1, "setup_failed": 0},
)


def page(tally: Tally, webhooks: WebhookTally) -> str:
    figures = Figures(tally=tally, webhooks=webhooks, level=LEVEL, version="1.2.3")
    return exposition(figures).decode()


def test_the_metrics_parse_and_say_what_was_counted() -> None:
    tally, webhooks = Tally(), WebhookTally()
    tally.ended["succeeded"] += 3
    tally.refused["full"] += 1
    tally.restarts["memory"] += 1
    tally.took.note(0.2)
    webhooks.attempts["completed"] += 4
    webhooks.failures["no_answer"] += 2
    webhooks.retries += 2
    webhooks.took.note(3)
    text = page(tally, webhooks)
    families = {family.name: family for family in text_string_to_metric_families(text)}
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples["cog_predictions_total", "succeeded"] == 3
    assert samples["cog_queue_rejections_total", "full"] == 1
    assert samples["cog_worker_restarts_total", "memory"] == 1
    assert samples["cog_prediction_total_duration_seconds_bucket", "0.1"] == 0
    assert samples["cog_prediction_total_duration_seconds_bucket", "0.25"] == 1
    assert samples["cog_prediction_total_duration_seconds_sum",] == 0.2
    assert samples["cog_webhook_attempts_total", "completed"] == 4
    assert samples["cog_webhook_failures_total", "no_answer"] == 2
    assert samples["cog_webhook_retries_total",] == 2
    assert samples["cog_webhook_given_up_total",] == 0
    assert samples["cog_webhook_duration_seconds_count",] == 1
    assert samples["cog_queue_depth", "3"] == 2
    assert samples["cog_slots", "idle"] == 3
    assert samples["cog_workers", "setup_failed"] == 0
    assert samples["cog_build_info", "1.2.3"] == 1
    assert all(family.documentation for family in families.values())


def test_every_metric_is_documented_and_none_else() -> None:
    text = page(Tally(), WebhookTally())
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    docs = (Path(__file__).parents[2] / "docs/http.md").read_text()
    named = set(re.findall(r"^\| `(cog_\w+)` \|", docs, re.MULTILINE))
    assert named == set(kinds)
