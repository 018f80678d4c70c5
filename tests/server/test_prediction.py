from __future__ import annotations

from datetime import datetime

import pytest

from cog.server.prediction import (
    TRANSITIONS,
    IllegalTransition,
    Prediction,
    Result,
    Status,
    failed,
    result_of,
)
from cog.wire import Done

NOW = datetime.fromisoformat("2026-01-01T12:00:00.500000+00:00")
ENDS = [status for status, following in TRANSITIONS.items() if not following]


def running() -> Prediction:
    prediction = Prediction("a", {"s": "x"}, NOW)
    prediction.start(NOW)
    return prediction


def test_a_waiting_prediction_shows_no_more_than_there_is() -> None:
    prediction = Prediction("a", {"s": "x"}, NOW)

    assert prediction.snapshot() == {
        "id": "a",
        "input": {"s": "x"},
        "logs": "",
        "status": "starting",
        "metrics": {},
        "created_at": "2026-01-01T12:00:00.500000+00:00",
    }
    assert repr(prediction) == "<Prediction a starting>"


@pytest.mark.parametrize("status", ENDS)
def test_nothing_ends_twice(status: Status) -> None:
    prediction = running()
    prediction.end(Result(status=status), NOW)

    for again in ENDS:
        with pytest.raises(IllegalTransition, match="prediction a: "):
            prediction.end(Result(status=again), NOW)
    with pytest.raises(IllegalTransition):
        prediction.start(NOW)
    assert prediction.status is status


def test_what_has_not_started_cannot_succeed() -> None:
    with pytest.raises(IllegalTransition):
        Prediction("a", {}, NOW).end(Result(status=Status.SUCCEEDED), NOW)


def test_every_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert {status.value for status in ENDS} == {"succeeded", "failed", "canceled"}


def test_a_workers_word_becomes_a_result() -> None:
    done = Done(id="a", status="succeeded", output=1, metrics={"m": 2}, predict_time=3)
    assert result_of(done) == Result(
        status=Status.SUCCEEDED, output=1, metrics={"m": 2}, predict_time=3
    )


@pytest.mark.parametrize("status", ENDS)
def test_what_a_handler_has_yielded_is_its_output_however_it_ends(status: Status) -> None:
    prediction = running()
    assert "output" not in prediction.snapshot()
    prediction.items.append("x")
    assert prediction.snapshot()["output"] == ["x"]
    prediction.end(Result(status=status, is_iterator=True), NOW)
    assert prediction.snapshot()["output"] == ["x"]


def test_a_handler_that_yields_nothing_has_an_empty_list() -> None:
    prediction = running()
    prediction.end(result_of(Done(id="a", status="succeeded", is_iterator=True)), NOW)
    assert prediction.snapshot()["output"] == []


def test_metrics_show_as_they_are_recorded_until_the_worker_gives_the_final_ones() -> None:
    prediction = running()
    prediction.measure("a.b", 1, "replace")
    prediction.measure("a.b", 2, "increment")
    prediction.measure("gone", 1, "replace")
    prediction.measure("gone", None, "delete")
    assert prediction.snapshot()["metrics"] == {"a": {"b": 3}}
    prediction.end(failed("Worker crashed", predict_time=1.5), NOW)
    assert prediction.snapshot()["metrics"] == {"a": {"b": 3}, "predict_time": 1.5}


def test_the_error_of_a_handler_has_its_prefix_once_and_that_of_the_server_none() -> None:
    error = result_of(Done(id="a", status="failed", error="ValueError: boom")).error
    assert error == "Prediction failed: ValueError: boom"
    assert failed("Worker crashed").error == "Worker crashed"


def test_metrics_of_the_handler_cannot_replace_the_time() -> None:
    prediction = running()
    prediction.end(
        Result(status=Status.SUCCEEDED, metrics={"predict_time": 9, "m": 1}, predict_time=2), NOW
    )
    assert prediction.snapshot()["metrics"] == {"predict_time": 2, "m": 1}
