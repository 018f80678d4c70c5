from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog.server import webhook
from cog.server.encoding import encode_json
from cog.server.events import Completed, Event, Feed, Logged, Output, Started
from cog.server.fetch import Fetcher
from cog.server.guard import Guard, parse_allowed
from cog.server.prediction import Prediction, Result, Status
from cog.server.tally import WebhookTally
from cog.server.webhook import (
    KINDS,
    RETRIES,
    Due,
    Hook,
    WebhookPolicy,
    Webhooks,
    parse_secrets,
    retry_delay,
    signed,
)
from tests.fakes.fake_link import until
from tests.fakes.far_side import FarSide, Got, answer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ITEM, LOG = Output(0, "x"), Logged("stdout", "x\n")


class Told:
    """A prediction that goes as the test says."""

    def __init__(self, prediction_id: str = "p1") -> None:
        self.prediction = Prediction(prediction_id, {"s": "x"}, NOW)
        self.feed = Feed()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def id(self) -> str:
        return self.prediction.id

    def snapshot(self) -> dict[str, object]:
        return self.prediction.snapshot()

    def document(self) -> bytes:
        return encode_json(self.snapshot())

    def start(self) -> None:
        self.prediction.start(NOW)
        self.feed.add(Started())

    def gives(self, item: object) -> None:
        self.prediction.items.append(item)
        self.feed.add(Output(len(self.prediction.items) - 1, item))

    def logs(self, text: str) -> None:
        self.prediction.log(text)
        self.feed.add(Logged("stdout", text))

    def ends(self, output: object = None) -> None:
        self.prediction.output = output
        self.prediction.end(Result(status=Status.SUCCEEDED), NOW)
        self.feed.add(Completed("succeeded"))
        self.ended.set_result(None)


def statuses(far: FarSide) -> list[str]:
    return [json.loads(got.body)["status"] for got in far.got]


Steps = Callable[[Webhooks, FarSide, Hook], Coroutine[Any, Any, None]]


def hooking(
    steps: Steps, *answers: Any, policy: WebhookPolicy | None = None, drain: float = 10
) -> FarSide:
    far = FarSide(*answers)

    async def main() -> None:
        fetcher = Fetcher(Guard(allowed=parse_allowed("127.0.0.1/32")), "cog/1")
        webhooks = Webhooks(fetcher, policy or WebhookPolicy(), lambda: 1700000000.5)
        async with far.listening():
            hook = Hook(url=f"http://127.0.0.1:{far.port}/hook")
            await asyncio.wait_for(steps(webhooks, far, hook), 20)
            await webhooks.drain(drain)
        await fetcher.aclose()

    asyncio.run(main())
    return far


# What is due


def due_after(*happened: Event, wanted: tuple[webhook.Kind, ...] = KINDS) -> Due:
    due = Due(wanted, 0.5)
    due.note(happened)
    return due


def test_events_are_told_in_their_order() -> None:
    due = due_after(Started(), ITEM)
    assert due.next(0) == "start"
    due.told("start", 0, taken=True)
    assert due.next(0) == "output"
    due.told("output", 0, taken=True)
    assert (due.next(0), due.wait(0)) == (None, None)


def test_output_and_logs_are_throttled_and_the_last_is_not_lost() -> None:
    due = due_after(ITEM)
    due.told("output", 10, taken=True)
    due.note([LOG, ITEM, LOG])
    assert (due.next(10.2), due.wait(10.25)) == (None, 0.25)
    assert due.next(10.5) == "output"
    due.told("output", 10.5, taken=True)
    assert due.wait(10.5) is None


def test_the_end_waits_for_nothing_and_stands_for_what_is_pending() -> None:
    due = due_after(ITEM)
    due.told("output", 10, taken=True)
    due.note([LOG, ITEM, Completed("succeeded")])
    assert due.next(10) == "completed"
    due.told("completed", 10, taken=False)
    assert due.wait(10) is None


def test_without_the_end_the_last_output_is_told() -> None:
    due = due_after(ITEM, wanted=("output",))
    due.told("output", 10, taken=True)
    due.note([ITEM, Completed("succeeded")])
    assert due.next(10) == "output"


def test_what_failed_is_told_again_later_each_time() -> None:
    due = due_after(Started(), ITEM)
    due.told("start", 0, taken=False)
    assert (due.next(0.9), due.next(1)) == (None, "start")
    due.told("start", 1, taken=False)
    assert (due.next(2.9), due.next(3)) == (None, "start")
    due.note([Completed("failed")])
    assert due.next(1) == "start"
    due.told("start", 1, taken=False)
    assert due.next(1) == "completed"


@given(
    st.lists(st.sampled_from([ITEM, LOG])),
    st.sets(st.sampled_from(KINDS), min_size=1),
    st.data(),
)
def test_whatever_happens_the_filter_holds_and_the_end_comes_once_and_last(
    middle: list[Event], wanted: set[webhook.Kind], data: st.DataObject
) -> None:
    due, now, told = Due(wanted, 0.5), 0.0, []
    for event in [Started(), *middle, Completed("succeeded"), None]:
        due.note([event] if event else [])
        while (event is None or data.draw(st.booleans())) and due.wait(now) is not None:
            now += due.wait(now) or 0
            kind = due.next(now)
            assert kind is not None
            told.append(kind)
            due.told(kind, now, taken=event is None or data.draw(st.booleans()))
    assert set(told) <= wanted
    assert told.count("completed") == ("completed" in wanted)
    if "completed" in wanted:
        assert told[-1] == "completed"
    elif middle and "output" in wanted:
        assert "output" in told


def test_retries_double_up_to_cogs_longest() -> None:
    delays = [retry_delay(retry) for retry in range(RETRIES)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-2:] == [102.4, 102.4]


# Signatures


def test_the_example_of_the_specification_verifies() -> None:
    # From the Standard Webhooks specification's reference test vectors.
    (secret,) = parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_sign_both_so_that_they_can_be_rotated() -> None:
    secrets = parse_secrets("new, old")
    assert secrets == (b"new", b"old")
    both = signed("m", 1, b"x", secrets)["webhook-signature"].split()
    assert len(both) == 2
    assert both[1] == signed("m", 1, b"x", [b"old"])["webhook-signature"]


def test_a_broken_secret_is_an_error() -> None:
    with pytest.raises(ValueError, match="not base64"):
        parse_secrets("whsec_%%%")


# Deliveries


def test_a_prediction_is_told_from_start_to_end() -> None:
    async def steps(webhooks: Webhooks, far: FarSide, hook: Hook) -> None:
        told = Told()
        webhooks.watch(told, hook)
        told.start()
        await until(lambda: len(far.got) == 1)
        told.gives("a")
        await until(lambda: len(far.got) == 2)
        told.ends()

    far = hooking(steps)
    bodies = [json.loads(got.body) for got in far.got]
    assert [body["status"] for body in bodies] == ["processing", "processing", "succeeded"]
    assert [body.get("output") for body in bodies] == [None, ["a"], ["a"]]
    assert all(body["input"] == {"s": "x"} for body in bodies)
    assert bodies[2]["completed_at"] == NOW.isoformat()
    for got in far.got:
        assert (got.method, got.target) == ("POST", "/hook")
        assert got.headers["content-type"] == "application/json"
        assert got.headers["user-agent"] == "cog/1"
        assert "authorization" not in got.headers


def test_a_fast_prediction_still_begins_before_it_ends() -> None:
    async def steps(webhooks: Webhooks, _: FarSide, hook: Hook) -> None:
        told = Told()
        webhooks.watch(told, hook)
        told.start()
        told.logs("line\n")
        told.ends("out")

    bodies = [json.loads(got.body) for got in hooking(steps).got]
    assert [body["status"] for body in bodies] == ["processing", "succeeded"]
    assert (bodies[0]["logs"], "output" in bodies[0], "completed_at" in bodies[0]) == (
        "",
        False,
        False,
    )
    assert (bodies[1]["logs"], bodies[1]["output"]) == ("line\n", "out")


@pytest.mark.parametrize("wanted", [("completed",), ("start",), ("output",), ()])
def test_only_what_is_wanted_is_told(wanted: tuple[webhook.Kind, ...]) -> None:
    async def steps(webhooks: Webhooks, _: FarSide, hook: Hook) -> None:
        told = Told()
        webhooks.watch(told, Hook(url=hook.url, wanted=wanted))
        told.start()
        told.ends("out")

    assert len(hooking(steps).got) == len(wanted)


def test_the_end_is_told_again_until_it_is_taken() -> None:
    async def steps(webhooks: Webhooks, _: FarSide, hook: Hook) -> None:
        told = Told()
        webhooks.watch(told, Hook(url=hook.url, wanted=("completed",)))
        told.start()
        told.ends()

    secrets = parse_secrets("whsec_c2VjcmV0")
    policy = WebhookPolicy(secrets=secrets)
    far = hooking(steps, answer(500), answer(429), answer(204), policy=policy)
    assert statuses(far) == ["succeeded"] * 3
    assert len({got.headers["webhook-id"] for got in far.got}) == 1
    got = far.got[0]
    content = f"{got.headers['webhook-id']}.1700000000.".encode() + got.body
    expected = base64.b64encode(hmac.digest(b"secret", content, hashlib.sha256)).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize("status", [400, 401, 404, 302])
def test_other_answers_are_final(status: int) -> None:
    async def steps(webhooks: Webhooks, _: FarSide, hook: Hook) -> None:
        told = Told()
        webhooks.watch(told, Hook(url=hook.url, wanted=("completed",)))
        told.start()
        told.ends()

    assert len(hooking(steps, answer(status)).got) == 1


def test_a_slow_receiver_gets_the_latest_not_everything() -> None:
    gate = asyncio.Event()

    async def slow(_: Got, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(answer())

    async def steps(webhooks: Webhooks, far: FarSide, hook: Hook) -> None:
        told = Told()
        webhooks.watch(told, hook)
        told.start()
        await until(lambda: far.got)
        for number in range(500):
            told.gives(number)
        told.ends()
        gate.set()

    far = hooking(steps, slow, answer())
    assert statuses(far) == ["processing", "succeeded"]
    assert len(json.loads(far.got[-1].body)["output"]) == 500


def test_availability_webhook_amplification_is_throttled() -> None:
    async def steps(webhooks: Webhooks, _: FarSide, hook: Hook) -> None:
        told = Told()
        webhooks.watch(told, hook)
        told.start()
        for number in range(300):
            told.gives(number)
            told.logs("x\n")
            await asyncio.sleep(0.001)
        told.ends()

    far = hooking(steps, policy=WebhookPolicy(interval=60))
    assert len(far.got) == 3  # the start, the first output, the end


def test_a_dead_receiver_delays_nobody_and_is_given_up_at_shutdown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def steps(webhooks: Webhooks, _: FarSide, hook: Hook) -> None:
        told, dead = Told(), Told("dead")
        webhooks.watch(dead, Hook(url="http://127.0.0.1:9/", wanted=("completed",)))
        webhooks.watch(told, Hook(url=hook.url, wanted=("completed",)))
        for each in (dead, told):
            each.start()
            each.ends()
        await asyncio.sleep(0.1)

    assert statuses(hooking(steps, drain=0.5)) == ["succeeded"]
    assert "The last webhook of prediction dead is given up: shutdown" in caplog.text


def test_ssrf_webhooks_go_through_the_guard(caplog: pytest.LogCaptureFixture) -> None:
    async def steps(webhooks: Webhooks, far: FarSide, _: Hook) -> None:
        told = Told()
        webhooks.watch(told, Hook(url=f"http://localhost.localdomain@127.0.0.2:{far.port}/"))
        told.start()
        told.ends()

    assert hooking(steps).connections == 0
    assert "is not on the public Internet" in caplog.text


def counted(steps: Steps, *answers: Any, drain: float = 10) -> WebhookTally:
    found: list[WebhookTally] = []

    async def counting(webhooks: Webhooks, far: FarSide, hook: Hook) -> None:
        found.append(webhooks.tally)
        await steps(webhooks, far, hook)

    hooking(counting, *answers, drain=drain)
    return found[0]


def test_attempts_failures_and_retries_are_counted() -> None:
    async def steps(webhooks: Webhooks, far: FarSide, hook: Hook) -> None:
        told = Told()
        webhooks.watch(told, Hook(url=hook.url, wanted=("start", "completed")))
        told.start()
        await until(lambda: far.got)
        told.ends()

    tally = counted(steps, answer(204), answer(500), answer(429), answer(204))
    assert tally.attempts == {"start": 1, "completed": 3}
    assert tally.failures == {"status": 2}
    assert (tally.retries, tally.given_up) == (2, 0)
    assert sum(tally.took.counts) == 4


async def ends_at_once(webhooks: Webhooks, _: FarSide, hook: Hook) -> None:
    told = Told()
    webhooks.watch(told, Hook(url=hook.url, wanted=("completed",)))
    told.start()
    told.ends()


def test_a_receiver_that_does_not_want_the_end_is_counted() -> None:
    tally = counted(ends_at_once, answer(410))
    assert tally.failures == {"status": 1}
    assert (tally.retries, tally.given_up) == (0, 1)


def test_what_shutdown_cuts_off_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    async def hangs(_: Got, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def steps(webhooks: Webhooks, far: FarSide, hook: Hook) -> None:
        told = Told("hung")
        webhooks.watch(told, hook)
        told.start()
        await until(lambda: far.got)  # the start is under way when the end comes
        told.ends()

    tally = counted(steps, hangs, drain=0.1)
    assert tally.attempts == {"start": 1}
    assert tally.given_up == 1
    assert "The last webhook of prediction hung is given up: shutdown" in caplog.text


def test_nobody_there_is_counted_as_no_answer() -> None:
    async def steps(webhooks: Webhooks, far: FarSide, _: Hook) -> None:
        await ends_at_once(webhooks, far, Hook(url="http://127.0.0.1:9/"))
        await until(lambda: webhooks.tally.retries >= 2)

    tally = counted(steps, drain=0)
    assert set(tally.failures) == {"no_answer"}
    assert tally.failures["no_answer"] >= 2
    assert tally.given_up == 1


def test_a_bearer_token_and_the_trace_go_along() -> None:
    async def steps(webhooks: Webhooks, _: FarSide, hook: Hook) -> None:
        told = Told()
        trace = {"traceparent": "00-1-2-01"}
        webhooks.watch(told, Hook(url=hook.url, wanted=("completed",), headers=trace))
        told.start()
        told.ends()

    got = hooking(steps, policy=WebhookPolicy(auth_token="hush")).got[0]
    assert got.headers["authorization"] == "Bearer hush"
    assert got.headers["traceparent"] == "00-1-2-01"
