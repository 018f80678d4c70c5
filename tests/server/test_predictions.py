"""The prediction routes in front of a real service, with fake workers behind it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from cog import wire
from cog.server import stream
from cog.server.audience import GRACE
from cog.server.predictions import NO_EVENTS
from cog.server.request import MAX_ID
from tests.fakes.fake_link import FakeWorkers, settle, until
from tests.fakes.far_side import FarSide
from tests.fakes.talk import STREAMING, Call, Talk, talk

BODY = {"input": {"s": "x"}}
SSE = {"accept": "text/event-stream"}


def read_sse(text: str) -> list[tuple[str, str, Any]]:
    """Return id, event and data of each Server-Sent Event."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] != ":")
        if fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


def canceled(talk: Talk) -> list[str]:
    return [message.id for message in talk.workers.link.sent if isinstance(message, wire.Cancel)]


async def taken(talk: Talk, method: str, path: str, given: object = BODY, **headers: str) -> Call:
    call = talk.call(method, path, given, **headers)
    await settle()
    return call


# Prefer


def test_respond_async_is_202_at_once_with_what_was_taken(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.post(
            "/predictions", json=BODY, headers={"prefer": "respond-async"}
        )
        assert answer.status_code == 202
        assert answer.headers["preference-applied"] == "respond-async"
        assert answer.headers["location"] == "/predictions/made-1"
        shown = answer.json()
        assert (shown["id"], shown["status"], shown["input"]) == ("made-1", "starting", {"s": "x"})
        assert "started_at" not in shown
        talk.workers.link.ends("made-1", "done")
        assert (await talk.client.get("/predictions/made-1")).json()["output"] == "done"

    talk(steps, tmp_path)


@pytest.mark.parametrize("prefer", ["wait=5", "respond-async, wait=5", "WAIT=5;x=y, other"])
def test_wait_is_200_if_it_ends_in_time(prefer: str, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = await taken(talk, "POST", "/predictions", prefer=prefer)
        talk.workers.link.ends("made-1", "done")
        await until(lambda: call.done)
        assert (call.status, call.headers["preference-applied"]) == (200, "wait=5")
        assert json.loads(call.text)["output"] == "done"

    talk(steps, tmp_path)


@pytest.mark.parametrize("wait", ["0", "0.05"])
def test_wait_is_202_if_it_does_not(wait: str, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = await taken(talk, "POST", "/predictions", prefer=f"wait={wait}")
        await until(lambda: call.done)
        assert (call.status, json.loads(call.text)["status"]) == (202, "processing")
        call.leave()
        await settle()
        assert canceled(talk) == []

    talk(steps, tmp_path)


# PUT and Idempotency-Key


def test_put_takes_the_id_of_the_url(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = await taken(talk, "PUT", "/predictions/abc", {"id": "abc", **BODY})
        talk.workers.link.ends("abc", "done")
        await until(lambda: call.done)
        assert (call.status, json.loads(call.text)["id"]) == (200, "abc")

    talk(steps, tmp_path)


def test_put_of_another_id_in_the_body_is_cogs_422(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.put("/predictions/abc", json={"id": "abd", **BODY})
        assert answer.status_code == 422
        assert answer.json() == {
            "detail": [
                {
                    "loc": ["body", "id"],
                    "msg": "prediction ID must match the ID supplied in the URL",
                    "type": "value_error",
                }
            ]
        }

    talk(steps, tmp_path)


def test_put_again_during_the_run_is_202_and_after_it_the_result(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        first = await taken(talk, "PUT", "/predictions/abc")
        again = await talk.client.put("/predictions/abc", json=BODY)
        assert (again.status_code, again.json()["status"]) == (202, "processing")
        waiting = await taken(talk, "PUT", "/predictions/abc", prefer="wait=5")
        talk.workers.link.ends("abc", "done")
        await until(lambda: first.done and waiting.done)
        after = await talk.client.put("/predictions/abc", json=BODY)
        assert [first.status, waiting.status, after.status_code] == [200, 200, 200]
        assert json.loads(first.text) == json.loads(waiting.text) == after.json()
        assert talk.workers.link.predictions == ["abc"]

    talk(steps, tmp_path)


@pytest.mark.parametrize("ended", [True, False])
def test_identity_put_hijack_of_an_id_with_another_input(tmp_path: Path, *, ended: bool) -> None:
    async def steps(talk: Talk) -> None:
        await taken(talk, "PUT", "/predictions/abc")
        if ended:
            talk.workers.link.ends("abc", "done")
            await settle()
        answer = await talk.client.put("/predictions/abc", json={"input": {"s": "other"}})
        assert answer.status_code == 409
        assert "done" not in answer.text
        assert talk.workers.link.predictions == ["abc"]

    talk(steps, tmp_path)


@pytest.mark.parametrize("prediction_id", ["a/b", "../../etc", "ü", "a b", "%2F", "..", "'\"<>"])
def test_ids_of_any_text_are_found_by_their_url(prediction_id: str, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        given = {"id": prediction_id, **BODY}
        answer = await talk.client.post(
            "/predictions", json=given, headers={"prefer": "respond-async"}
        )
        where = answer.headers["location"]
        shown = talk.call("GET", where)
        await until(lambda: shown.done)
        assert (shown.status, json.loads(shown.text)["id"]) == (200, prediction_id)

    talk(steps, tmp_path)
    assert all(folder.name.isdigit() for folder in tmp_path.iterdir())


@pytest.mark.parametrize("prediction_id", ["a\r\nx: y", "\x1b[31m", "a\x00", "x" * (MAX_ID + 1)])
def test_identity_header_and_log_injection_by_prediction_id(
    prediction_id: str, tmp_path: Path
) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.post("/predictions", json={"id": prediction_id, **BODY})
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", "id"]
        assert talk.workers.link.predictions == []

    talk(steps, tmp_path)


def test_an_idempotency_key_runs_once_during_and_after(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        key = {"idempotency_key": "k1"}
        calls = [await taken(talk, "POST", "/predictions", **key) for _ in range(3)]
        talk.workers.link.ends("made-1", "done")
        await until(lambda: all(call.done for call in calls))
        calls.append(await taken(talk, "POST", "/predictions", **key))
        assert [call.status for call in calls] == [200] * 4
        assert len({call.text for call in calls}) == 1
        assert talk.workers.link.predictions == ["made-1"]

    talk(steps, tmp_path)


def test_identity_idempotency_key_poisoning_another_body_is_409(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        await taken(talk, "POST", "/predictions", idempotency_key="k1")
        other = await taken(
            talk, "POST", "/predictions", {"input": {"s": "other"}}, idempotency_key="k1"
        )
        assert other.status == 409
        assert "application/problem+json" in other.headers["content-type"]

    talk(steps, tmp_path)


@pytest.mark.parametrize("key", ["", "x" * (MAX_ID + 1), "a\x1b"])
def test_an_idempotency_key_that_is_none_is_told(key: str, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = await taken(talk, "POST", "/predictions", idempotency_key=key)
        assert call.status == 422

    talk(steps, tmp_path)


def test_the_order_of_keys_makes_no_other_request(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        await taken(talk, "PUT", "/predictions/a", {"input": {"s": "x", "n": 1}})
        again = await taken(talk, "PUT", "/predictions/a", {"input": {"n": 1, "s": "x"}})
        assert again.status == 202

    talk(steps, tmp_path)


# Who waits


@pytest.mark.parametrize("how", ["POST", "SSE"])
def test_a_client_that_leaves_cancels_its_prediction_at_once(how: str, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        headers = SSE if how == "SSE" else {}
        call = await taken(talk, "POST", "/predictions", **headers)
        await asyncio.sleep(0.05)
        call.leave()
        await until(lambda: canceled(talk) == ["made-1"])

    talk(steps, tmp_path, document=STREAMING)


@pytest.mark.parametrize("named", [{"idempotency_key": "k"}, {}])
def test_a_client_that_named_its_request_may_come_back(
    named: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cog.server.predictions.GRACE", 0.2)
    method, path = ("POST", "/predictions") if named else ("PUT", "/predictions/made-1")

    async def steps(talk: Talk) -> None:
        call = await taken(talk, method, path, **named)
        await asyncio.sleep(0.05)
        call.leave()
        await asyncio.sleep(0.05)
        back = await taken(talk, method, path, prefer="wait=60", **named)
        await asyncio.sleep(0.3)
        assert canceled(talk) == []
        talk.workers.link.ends("made-1", "done")
        await until(lambda: back.done)
        assert json.loads(back.text)["output"] == "done"

    talk(steps, tmp_path)


def test_a_client_that_does_not_come_back_cancels_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert GRACE > 0
    monkeypatch.setattr("cog.server.predictions.GRACE", 0.05)

    async def steps(talk: Talk) -> None:
        call = await taken(talk, "PUT", "/predictions/abc")
        await asyncio.sleep(0.03)
        call.leave()
        await until(lambda: canceled(talk) == ["abc"])

    talk(steps, tmp_path)


def test_whoever_looks_on_keeps_it_running(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        first = await taken(talk, "POST", "/predictions", **SSE)
        other = await taken(talk, "GET", "/predictions/made-1", None, **SSE)
        first.leave()
        await asyncio.sleep(0.05)
        assert canceled(talk) == []
        other.leave()
        await until(lambda: canceled(talk) == ["made-1"])

    talk(steps, tmp_path, document=STREAMING)


# Cancelling and looking


def test_cancel_is_cogs(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = await taken(talk, "PUT", "/predictions/abc")
        for _ in range(2):
            answer = await talk.client.post("/predictions/abc/cancel")
            assert (answer.status_code, answer.json()) == (200, {})
        talk.workers.link.says(wire.Done(id="abc", status="canceled"))
        await until(lambda: call.done)
        assert json.loads(call.text)["status"] == "canceled"
        for gone in ("abc", "unknown"):
            answer = await talk.client.post(f"/predictions/{gone}/cancel")
            assert (answer.status_code, answer.json()) == (404, {})

    talk(steps, tmp_path)


def test_what_goes_on_and_what_has_ended_can_be_looked_at(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        await taken(talk, "PUT", "/predictions/a")
        await taken(talk, "PUT", "/predictions/b")
        assert (await talk.client.get("/predictions/a")).json()["status"] == "processing"
        waiting = (await talk.client.get("/predictions/b")).json()
        assert (waiting["status"], waiting["queue"]["position"]) == ("starting", 1)
        talk.workers.link.says(
            wire.Done(id="a", status="failed", error="ValueError: boom", metrics={"m": 1})
        )
        await settle()
        shown = (await talk.client.get("/predictions/a")).json()
        assert (shown["status"], shown["error"]) == (
            "failed",
            "Prediction failed: ValueError: boom",
        )
        assert {"input", "logs", "metrics", "created_at", "started_at", "completed_at"} <= set(
            shown
        )
        assert (await talk.client.head("/predictions/a")).content == b""
        assert (await talk.client.get("/predictions/c")).status_code == 404

    talk(steps, tmp_path)


def test_get_can_wait(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        await taken(talk, "PUT", "/predictions/a")
        short = await talk.client.get("/predictions/a", headers={"prefer": "wait=0.01"})
        assert short.json()["status"] == "processing"
        call = await taken(talk, "GET", "/predictions/a", None, prefer="wait=30")
        talk.workers.link.ends("a", "done")
        await until(lambda: call.done)
        assert json.loads(call.text)["output"] == "done"

    talk(steps, tmp_path)


def test_the_list_is_newest_first_in_pages_and_short(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        for name in "abc":
            call = await taken(talk, "PUT", f"/predictions/{name}")
            talk.workers.link.ends(name, "long")
            await until(call.task.done)
        page = (await talk.client.get("/predictions?limit=2")).json()
        assert [each["id"] for each in page["results"]] == ["c", "b"]
        assert page["previous"] is None
        assert set(page["results"][0]).isdisjoint({"input", "output", "logs"})
        rest = (await talk.client.get(page["next"])).json()
        assert ([each["id"] for each in rest["results"]], rest["next"]) == (["a"], None)
        for query in ("limit=0", "limit=101", "limit=x", "limit=", "cursor=x", "cursor="):
            assert (await talk.client.get(f"/predictions?{query}")).status_code == 400

    talk(steps, tmp_path)


# Events


def tokens(talk: Talk, prediction_id: str, count: int, start: int = 0) -> None:
    for index in range(start, start + count):
        talk.workers.link.says(wire.Output(id=prediction_id, index=index, value=f"tok{index} "))


def iterates(talk: Talk, prediction_id: str) -> None:
    talk.workers.link.says(wire.Done(id=prediction_id, status="succeeded", is_iterator=True))


def test_sse_tells_everything_as_it_happens(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = await taken(talk, "POST", "/predictions", **SSE)
        assert call.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert call.headers["cache-control"] == "no-cache, no-transform"
        assert read_sse(call.text) == [("1", "start", {"id": "made-1", "status": "processing"})]
        tokens(talk, "made-1", 2)
        await settle()
        assert len(read_sse(call.text)) == 3
        talk.workers.link.says(wire.Log(id="made-1", stream="stdout", data="hi\n"))
        talk.workers.link.says(wire.Metric(id="made-1", name="n", value=1))
        iterates(talk, "made-1")
        await until(lambda: call.done)
        events = read_sse(call.text)
        assert events[1:5] == [
            ("2", "output", {"chunk": "tok0 ", "index": 0}),
            ("3", "output", {"chunk": "tok1 ", "index": 1}),
            ("4", "log", {"source": "stdout", "data": "hi\n"}),
            ("5", "metric", {"name": "n", "value": 1, "mode": "replace"}),
        ]
        number, name, shown = events[5]
        assert (number, name, shown["status"]) == ("6", "completed", "succeeded")
        assert shown["output"] == ["tok0 ", "tok1 "]

    talk(steps, tmp_path, document=STREAMING)


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_sse_goes_on_after_the_last_event_id(method: str, tmp_path: Path, *, ended: bool) -> None:
    async def steps(talk: Talk) -> None:
        await taken(talk, "PUT", "/predictions/a", prefer="respond-async")
        tokens(talk, "a", 3)
        if ended:
            iterates(talk, "a")
            await settle()
        given = BODY if method == "PUT" else None
        call = await taken(talk, method, "/predictions/a", given, last_event_id="3", **SSE)
        if not ended:
            iterates(talk, "a")
        await until(lambda: call.done)
        assert [(number, name) for number, name, _ in read_sse(call.text)] == [
            ("4", "output"),
            ("5", "completed"),
        ]
        for odd in ("x", "-1", "9" * 30):
            whole = await taken(talk, "GET", "/predictions/a", None, last_event_id=odd, **SSE)
            assert len(read_sse(whole.text)) == 5

    talk(steps, tmp_path, document=STREAMING)


def test_ndjson_is_one_object_a_line(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = await taken(talk, "POST", "/predictions", accept="application/x-ndjson")
        tokens(talk, "made-1", 1)
        iterates(talk, "made-1")
        await until(lambda: call.done)
        assert call.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(each) for each in call.text.splitlines()]
        assert [each["event"] for each in lines] == ["start", "output", "completed"]
        assert lines[1] == {"id": 2, "event": "output", "data": {"chunk": "tok0 ", "index": 0}}

    talk(steps, tmp_path, document=STREAMING)


def test_a_model_without_events_is_cogs_406(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.post("/predictions", json=BODY, headers=SSE)
        assert (answer.status_code, answer.json()) == (406, {"error": NO_EVENTS})
        assert talk.workers.link.predictions == []

    talk(steps, tmp_path)


def test_invalid_input_of_a_stream_is_an_ordinary_422(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.post("/predictions", json={"input": {}}, headers=SSE)
        assert (answer.status_code, "detail" in answer.json()) == (422, True)

    talk(steps, tmp_path, document=STREAMING)


def test_a_reader_that_hears_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE", 0.02)

    async def steps(talk: Talk) -> None:
        call = await taken(talk, "POST", "/predictions", **SSE)
        await until(lambda: ": keep-alive\n\n" in call.text)

    talk(steps, tmp_path, document=STREAMING)


def test_availability_slow_sse_reader_is_let_go_and_its_prediction_canceled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STALLED", 0.1)

    async def steps(talk: Talk) -> None:
        call = await taken(talk, "POST", "/predictions", **SSE)
        call.slow.clear()
        tokens(talk, "made-1", 3)
        await until(call.task.done)
        assert canceled(talk) == ["made-1"]

    talk(steps, tmp_path, document=STREAMING)


def test_a_reader_that_has_missed_events_is_told(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = await taken(talk, "POST", "/predictions", prefer="respond-async")
        assert call.status == 202
        for index in range(20):
            data = "x" * 1_000_000
            talk.workers.link.says(wire.Log(id="made-1", stream="stdout", data=f"{index}{data}\n"))
        late = await taken(talk, "GET", "/predictions/made-1", None, **SSE)
        await until(lambda: late.done)
        ((number, name, data),) = read_sse(late.text)
        assert (number, name) == ("", "error")
        assert data["error"] == "SSE stream replay truncated; events were dropped"
        assert data["skipped"] > 0

    talk(steps, tmp_path, document=STREAMING)


# Webhooks


def test_a_webhook_is_told_with_the_filter_and_the_trace(tmp_path: Path) -> None:
    far = FarSide()

    async def steps(talk: Talk) -> None:
        async with far.listening():
            given = {
                "webhook": f"http://127.0.0.1:{far.port}/hook",
                "webhook_events_filter": ["completed"],
                **BODY,
            }
            call = await taken(talk, "PUT", "/predictions/a", given, traceparent="00-1-2-01")
            again = await taken(talk, "PUT", "/predictions/a", given)
            assert again.status == 202
            talk.workers.link.ends("a", "done")
            await until(lambda: call.done and far.got)
            await asyncio.sleep(0.05)

    talk(steps, tmp_path)
    (got,) = far.got
    assert json.loads(got.body)["output"] == "done"
    assert got.headers["traceparent"] == "00-1-2-01"


@pytest.mark.parametrize("url", ["nope", "file:///etc/passwd", "http://a\\b/", "http://a b/"])
def test_a_webhook_that_is_no_url_is_422(url: str, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.post("/predictions", json={"webhook": url, **BODY})
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", "webhook"]

    talk(steps, tmp_path)


def test_an_unknown_event_in_the_filter_is_422_in_text(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        given = {"webhook_events_filter": ["nope"], **BODY}
        answer = await talk.client.post("/predictions", json=given)
        assert (answer.status_code, answer.headers["content-type"][:10]) == (422, "text/plain")
        assert "nope" in answer.text

    talk(steps, tmp_path)


# Headers for the queue


def test_priority_and_deadlines_reach_the_queue(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        await taken(talk, "PUT", "/predictions/a")
        low = await taken(talk, "PUT", "/predictions/low", priority="u=6", prefer="respond-async")
        late = await taken(
            talk, "PUT", "/predictions/late", cog_queue_timeout="0.05", prefer="wait=5"
        )
        first = await taken(talk, "PUT", "/predictions/b", priority="u=0, i", prefer="wait=5")
        assert low.status == 202
        await until(lambda: late.done)
        assert json.loads(late.text)["status"] == "failed"
        talk.workers.link.ends("a")
        await until(lambda: len(talk.workers.link.predictions) == 2)
        assert talk.workers.link.predictions[1] == "b"
        talk.workers.link.ends("b")
        await until(lambda: first.done)

    talk(steps, tmp_path, capacity=9)


@pytest.mark.parametrize("name", ["cog_queue_timeout", "cog_run_timeout"])
@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", ""])
def test_a_deadline_that_is_none_is_told(name: str, value: str, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = await taken(talk, "POST", "/predictions", **{name: value})
        assert call.status == 422
        assert name.replace("_", "-") in call.text.lower()

    talk(steps, tmp_path)


def test_several_workers_are_no_matter_here(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        for name in "ab":
            await taken(talk, "PUT", f"/predictions/{name}", prefer="respond-async")
        assert talk.workers.link.predictions == ["a", "b"]

    ready = wire.Ready(
        concurrency=2, is_async=True, streaming=False, python="3", has_healthcheck=False
    )
    talk(steps, tmp_path, workers=FakeWorkers(ready))
