from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cog import wire
from cog.server.request import MAX_BODY, MAX_ECHO
from tests.fakes.fake_link import FakeWorkers, settle, until
from tests.fakes.talk import JSON, Talk, talk


def test_the_root_names_what_there_is(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.get("/")
        assert answer.json() == {
            "cog_version": "0.1.0",
            "docs_url": "/docs",
            "openapi_url": "/openapi.json",
            "shutdown_url": "/shutdown",
            "healthcheck_url": "/health-check",
            "predictions_url": "/predictions",
            "predictions_idempotent_url": "/predictions/{prediction_id}",
            "predictions_cancel_url": "/predictions/{prediction_id}/cancel",
        }
        for name, url in answer.json().items():
            if name.endswith("_url"):
                assert (await talk.client.options(url)).status_code != 404

    talk(steps, tmp_path)


def test_a_prediction_is_answered_when_it_has_ended(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.predict(b'{"input": {"s": "x"}}')
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        shown = answer.json()
        assert shown["output"] == "hello x"
        assert shown["status"] == "succeeded"
        assert shown["metrics"] == {"predict_time": 0.5}

    talk(steps, tmp_path)


@pytest.mark.parametrize(("length", "shown"), [(10, True), (MAX_ECHO, False)])
def test_small_inputs_are_part_of_the_answer(length: int, tmp_path: Path, *, shown: bool) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.predict(b'{"input": {"s": "%s"}}' % (b"x" * length))
        assert ("input" in answer.json()) is shown

    talk(steps, tmp_path)


# From a running Cog server 0.23; null for a nullable input is its fault and is put right here.
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{}", [("s", "Field required", "value_error.missing")]),
        (b'{"input": null}', [("s", "Field required", "value_error.missing")]),
        (b'{"input": {"s": 5}}', [("s", '5 is not of type "string"', "value_error")]),
        (b'{"input": {"s": null}}', [("s", 'null is not of type "string"', "value_error")]),
        (
            b'{"input": {"s": "a", "n": null}}',
            [("n", 'null is not of type "integer"', "value_error")],
        ),
        (
            b'{"input": {"s": "a", "n": 11, "c": "z"}}',
            [
                ("c", '"z" is not one of ["a","b"]', "value_error"),
                ("n", "11 is greater than the maximum of 10", "value_error"),
            ],
        ),
        (
            b'{"input": {"s": "a", "n": 3.5}}',
            [("n", '3.5 is not of type "integer"', "value_error")],
        ),
        (b'{"input": [1]}', [("__root__", '[1] is not of type "object"', "value_error")]),
        (b'{"input": "x"}', [("__root__", '"x" is not of type "object"', "value_error")]),
    ],
)
def test_invalid_inputs_are_422_as_cog_says_it(
    body: bytes, detail: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.predict(body)
        assert answer.status_code == 422
        assert answer.json() == {
            "detail": [
                {"loc": ["body", "input", name], "msg": msg, "type": kind}
                for name, msg, kind in detail
            ]
        }

    talk(steps, tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        b'{"input": {"s": "a", "opt": null}}',
        b'{"input": {"s": "a", "n": 3.0}}',
        b'{"input": {"s": "a", "zzz": 1}, "created_at": 5}',
        b'{"input": {"s": "a", "s": "b"}}',
        b'{"id": "", "input": {"s": "a"}}',
    ],
)
def test_valid_inputs_are_taken(body: bytes, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        assert (await talk.predict(body)).status_code == 200

    talk(steps, tmp_path)


def test_a_body_is_optional(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        asked = asyncio.ensure_future(talk.client.post("/predictions"))
        await talk.answer(asked)
        assert asked.result().status_code == 200

    talk(steps, tmp_path, document=None)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"{}", "text/plain", 415),
    ],
)
def test_bad_bodies_are_answered_in_plain_text(
    body: bytes, content_type: str, status: int, tmp_path: Path
) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.predict(body, **{"content-type": content_type})
        assert answer.status_code == status
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text

    talk(steps, tmp_path)


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_100_mib_is_413(tmp_path: Path, *, announced: bool) -> None:
    read: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(110):
            read.append(1)
            yield bytes(1024 * 1024)

    async def steps(talk: Talk) -> None:
        length = {"content-length": str(MAX_BODY + 1)} if announced else {}
        answer = await talk.client.post("/predictions", content=chunks(), headers=JSON | length)
        assert answer.status_code == 413
        assert "length limit exceeded" in answer.text
        assert len(read) == (0 if announced else 101)

    talk(steps, tmp_path)


def test_while_setup_runs_predictions_are_503(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.predict(b"{}")
        assert answer.status_code == 503
        assert answer.json() == {
            "error": "Setup has not finished yet. Wait until it has finished, or GET "
            "/health-check for status.",
            "status": "failed",
        }
        health = (await talk.client.get("/health-check")).json()
        assert health["status"] == "STARTING"
        assert set(health["setup"]) == {"started_at", "status", "logs"}

        talk.workers.link.says(wire.SetupFailed(error="RuntimeError: boom"))
        await settle()
        answer = await talk.predict(b"{}")
        assert (answer.status_code, answer.json()["detail"]) == (
            503,
            "Setup failed: RuntimeError: boom",
        )
        health = (await talk.client.get("/health-check")).json()
        assert (health["status"], health["setup"]["status"]) == ("SETUP_FAILED", "failed")
        assert "RuntimeError: boom" in health["setup"]["logs"]

    talk(steps, tmp_path, workers=FakeWorkers(ready=None))


def test_a_full_queue_is_429_with_a_time_to_come_back(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        body = {"input": {"s": "x"}}
        taken = [
            asyncio.ensure_future(talk.client.post("/predictions", json=body)) for _ in range(2)
        ]
        await settle()
        refused = await talk.client.post("/predictions", json=body)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json() == {
            "type": "about:blank",
            "title": "Too Many Requests",
            "status": 429,
            "detail": "1 predictions are waiting",
        }
        await talk.answer(asyncio.gather(*taken))
        assert [answer.result().status_code for answer in taken] == [200, 200]

    talk(steps, tmp_path)


def test_without_a_queue_a_busy_model_is_cogs_409(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        body = {"input": {"s": "x"}}
        taken = asyncio.ensure_future(talk.client.post("/predictions", json=body))
        await settle()
        refused = await talk.client.post("/predictions", json=body)
        assert (refused.status_code, refused.json()) == (
            409,
            {"error": "At capacity - all prediction slots busy", "status": "failed"},
        )
        await talk.answer(taken)

    talk(steps, tmp_path, capacity=0)


def test_an_id_in_use_is_409(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        body = {"id": "a", "input": {"s": "x"}}
        taken = asyncio.ensure_future(talk.client.post("/predictions", json=body))
        await settle()
        refused = await talk.client.post("/predictions", json=body)
        assert refused.status_code == 409
        assert "'a' has not ended" in refused.json()["detail"]
        await talk.answer(taken)

    talk(steps, tmp_path)


def test_a_client_that_leaves_cancels_its_prediction(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        body = {"id": "a", "input": {"s": "x"}}
        taken = asyncio.ensure_future(talk.client.post("/predictions", json=body))
        await settle()
        taken.cancel()
        await until(lambda: talk.workers.link.sent[-1] == wire.Cancel(id="a"))

    talk(steps, tmp_path)


def test_after_closing_predictions_are_503(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        talk.service.close()
        answer = await talk.predict(b'{"input": {"s": "x"}}')
        assert answer.status_code == 503
        assert answer.json()["detail"] == "the server is shutting down"

    talk(steps, tmp_path)


def test_without_a_document_there_is_none(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.get("/openapi.json")
        assert (answer.status_code, answer.json()) == (
            503,
            {"error": "OpenAPI schema not available"},
        )

    talk(steps, tmp_path, document=None)


def test_shutdown_is_answered_and_passed_on(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.post("/shutdown")
        assert (answer.status_code, answer.json()) == (200, {})
        assert talk.shutdowns == ["now"]

    talk(steps, tmp_path)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/predictions", 405),
        ("DELETE", "/predictions/abc", 405),
        ("GET", "/predictions/abc/cancel", 405),
        ("GET", "/predictions/abc", 404),
        ("POST", "/predictions/", 404),
        ("GET", "/predictions/a/b", 404),
        ("GET", "/predictions/a/cancel/", 404),
        ("GET", "/predictionsx", 404),
        ("POST", "/health-check", 405),
        ("GET", "/shutdown", 405),
        ("GET", "/nope", 404),
        ("POST", "/trainings", 404),
        ("HEAD", "/health-check", 200),
        ("HEAD", "/predictions", 200),
    ],
)
def test_other_methods_and_paths(method: str, path: str, status: int, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.request(method, path)
        assert answer.status_code == status
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == status

    talk(steps, tmp_path)


def test_in_train_mode_there_are_trainings(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        asked = asyncio.ensure_future(talk.client.post("/trainings", json={"input": {"s": "x"}}))
        await talk.answer(asked)
        assert asked.result().status_code == 200
        assert (await talk.client.post("/predictions")).status_code == 404

    talk(steps, tmp_path, mode="train")


def test_outputs_may_hold_large_integers(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        asked = asyncio.ensure_future(talk.client.post("/predictions", json={"input": {"s": "x"}}))
        await settle()
        talk.workers.link.ends("made-1", [10**30, "é"])
        assert (await asked).json()["output"] == [10**30, "é"]

    talk(steps, tmp_path)


def test_a_bug_is_500_and_tells_only_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def steps(talk: Talk) -> None:
        talk.workers.link.sent = None  # type: ignore[assignment] # anything that breaks inside
        answer = await talk.client.post("/predictions", json={"input": {"s": "secret"}})
        assert answer.status_code == 500
        assert answer.json()["detail"] == "The server failed to answer; its log says why."
        assert "AttributeError" in caplog.text
        talk.workers.link.sent = []

    talk(steps, tmp_path)
