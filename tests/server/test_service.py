from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cog import wire
from cog.server.admission import OtherRequest
from cog.server.events import Completed, Event, Logged, Measured, Output, Started
from cog.server.live import Live, Terms, Tracked
from cog.server.pool import AtCapacity, Bound, Closed, IdInUse, QueueFull
from cog.server.ready_file import ReadyFile
from cog.server.request import InvalidInput, PredictionRequest
from cog.server.schema import InputSchema
from cog.server.service import NotReady, Service
from cog.server.store import Keep, Store
from cog.server.supervisor import Phase, WorkerPolicy
from cog.server.surroundings import Limits
from tests.fakes.fake_link import READY, FakeWorkers, settle, surroundings, until
from tests.fakes.slow_store import SlowStore

SCHEMA = InputSchema(
    {
        "components": {
            "schemas": {
                "Input": {
                    "type": "object",
                    "required": ["s"],
                    "properties": {
                        "s": {"type": "string"},
                        "key": {"type": "string", "format": "password"},
                    },
                }
            }
        }
    }
)

TERMS = Terms()
LIMITS = Limits()

Steps = Callable[[Service, FakeWorkers], Coroutine[None, None, None]]


def serve(  # noqa: PLR0913 # one keyword for each thing a test may vary
    steps: Steps,
    folder: Path,
    *,
    workers: FakeWorkers | None = None,
    schema: InputSchema | None = None,
    capacity: int = 2,
    deaths: int = 5,
    limits: Limits = LIMITS,
    others: Mapping[str, FakeWorkers] | None = None,
    store: Store | None = None,
    ready_file: ReadyFile | None = None,
) -> None:
    async def main() -> None:
        started = workers or FakeWorkers()
        around = surroundings(started, folder)
        more = {name: other.launch for name, other in (others or {}).items()}
        service = Service(
            replace(
                around,
                launches={**around.launches, **more},
                store=store or around.store,
                ready_file=ready_file,
            ),
            schema=schema,
            bound=Bound(count=capacity),
            limits=limits,
            policy=WorkerPolicy(first=0.001, limit=deaths),
        )
        service.start()
        await settle()
        await asyncio.wait_for(steps(service, started), 10)
        await asyncio.wait_for(service.stop(0, asyncio.Event()), 10)

    asyncio.run(main())
    assert list(folder.glob("*/*")) == [], "nothing is left of any prediction"


def ask(prediction_id: str | None = None, **given: object) -> PredictionRequest:
    return PredictionRequest(id=prediction_id, input=given)


async def take(service: Service, request: PredictionRequest, terms: Terms = TERMS) -> Live:
    """Submit a prediction that nobody has asked for before."""
    live, is_new = await service.submit(request, terms)
    assert is_new
    assert isinstance(live, Live)
    return live


def view(live: Live) -> dict[str, object]:
    """What a client sees, without the times, once the prediction has ended."""
    assert live.ended.done()
    shown = live.prediction.snapshot()
    return {name: value for name, value in shown.items() if not name.endswith("_at")}


def folder_of(workers: FakeWorkers) -> Path:
    """The folder of the prediction that was sent last."""
    message = workers.link.sent[-1]
    assert isinstance(message, wire.Predict)
    return Path(message.dir)


async def folder_of_next(service: Service, workers: FakeWorkers) -> Path:
    await take(service, ask("next"))
    return folder_of(workers)


def write(file: Path, text: str) -> None:
    file.write_text(text)


def test_a_prediction_goes_to_the_worker_and_its_output_comes_back(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, PredictionRequest(input={"s": "x"}, context={"user": "me"}))
        (message,) = workers.link.sent
        assert isinstance(message, wire.Predict)
        assert (message.id, message.input) == ("made-1", {"s": "x"})
        assert message.context == {"user": "me"}
        assert folder_of(workers).is_dir()
        workers.link.says(wire.Log(id="made-1", stream="stdout", data="hi\n"))
        workers.link.says(
            wire.Done(
                id="made-1",
                status="succeeded",
                output="hello",
                predict_time=0.5,
                metrics={"tokens": 3},
            )
        )
        assert view(live) == {
            "id": "made-1",
            "input": {"s": "x"},
            "output": "hello",
            "logs": "hi\n",
            "status": "succeeded",
            "metrics": {"tokens": 3, "predict_time": 0.5},
        }
        shown = live.prediction.snapshot()
        assert shown["created_at"] < shown["started_at"] < shown["completed_at"]  # type: ignore[operator] # times as text

    serve(steps, tmp_path)


def test_what_a_handler_yields_is_a_list(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        for index, value in enumerate(["x", None]):
            workers.link.says(wire.Output(id="a", index=index, value=value))
        workers.link.says(wire.Done(id="a", status="succeeded", is_iterator=True))
        assert view(live)["output"] == ["x", None]

        empty = await take(service, ask("b"))
        workers.link.says(wire.Done(id="b", status="succeeded", is_iterator=True))
        assert view(empty)["output"] == []

    serve(steps, tmp_path)


def test_a_failure_keeps_logs_and_what_had_come(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        workers.link.says(wire.Log(id="a", stream="stderr", data="Traceback\n"))
        workers.link.says(wire.Output(id="a", index=0, value="x"))
        workers.link.says(wire.Done(id="a", status="failed", error="ValueError: boom"))
        assert view(live) == {
            "id": "a",
            "input": {},
            "output": ["x"],
            "error": "Prediction failed: ValueError: boom",
            "logs": "Traceback\n",
            "status": "failed",
            "metrics": {"predict_time": 0.0},
        }

    serve(steps, tmp_path)


def test_a_null_output_is_an_output_and_a_failure_has_none(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        workers.link.ends("a", None)
        assert view(live)["output"] is None
        live = await take(service, ask("b"))
        workers.link.says(wire.Done(id="b", status="failed", error="ValueError"))
        assert "output" not in view(live)

    serve(steps, tmp_path)


def test_a_clients_own_dict_never_becomes_a_file(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a", d={"__file__": "/etc/passwd"}))
        message = workers.link.sent[0]
        assert isinstance(message, wire.Predict)
        assert message.input == {"d": {"___file__": "/etc/passwd"}}
        workers.link.ends("a", message.input["d"])
        assert view(live)["output"] == {"__file__": "/etc/passwd"}

    serve(steps, tmp_path)


def test_output_files_become_data_urls(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        picture = folder_of(workers) / "out.png"
        write(picture, "PNG")
        workers.link.ends("a", {"picture": [wire.file_value(str(picture))]})
        await live.ended
        encoded = base64.b64encode(b"PNG").decode()
        assert view(live)["output"] == {"picture": [f"data:image/png;base64,{encoded}"]}

    serve(steps, tmp_path)


@pytest.mark.parametrize("path", ["{folder}/../secret.txt", "/etc/hostname", "{folder}/link", "\0"])
def test_a_file_outside_the_folder_of_the_prediction_is_not_read(tmp_path: Path, path: str) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    write(scratch / "secret.txt", "secret")

    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        folder = folder_of(workers)
        (folder / "link").symlink_to(scratch / "secret.txt")
        workers.link.ends("a", wire.file_value(path.format(folder=folder), name="out.txt"))
        await live.ended
        assert view(live)["status"] == "failed"
        assert str(view(live)["error"]).endswith("is not in the prediction's folder")
        (scratch / "secret.txt").unlink()

    serve(steps, scratch)


def test_an_output_that_is_no_plain_file_fails_the_prediction(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        pipe = folder_of(workers) / "pipe"
        os.mkfifo(pipe)
        workers.link.ends("a", wire.file_value(str(pipe)))
        await live.ended
        assert view(live)["error"] == "the output file 'pipe' is not a file"

    serve(steps, tmp_path)


def test_availability_giant_outputs_in_files_have_a_bound_together(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        files = [folder_of(workers) / f"{n}.bin" for n in range(3)]
        for file in files:
            with file.open("wb") as content:
                content.truncate(4_000_000)
        for n, file in enumerate(files):
            workers.link.says(wire.Output(id="a", index=n, value=wire.file_value(str(file))))
        workers.link.says(wire.Done(id="a", status="succeeded", is_iterator=True))
        await live.ended
        assert view(live)["status"] == "failed"
        assert view(live)["error"] == (
            "with '2.bin' the output files are larger than 10000000 bytes: too large for the"
            " answer, start the server with --upload-url"
        )

    serve(steps, tmp_path)


def test_an_output_that_cannot_be_sent_still_ends_its_prediction(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        file = folder_of(workers) / "out.txt"
        write(file, "hi")
        output: object = None
        for _ in range(100_000):
            output = [output]
        # The file comes first: what lies behind it is seen only while files are read.
        workers.link.ends("a", [wire.file_value(str(file)), output])
        await live.ended
        assert view(live)["error"] == "The output cannot be sent: RecursionError"

    serve(steps, tmp_path)
    assert "Cannot send the output of prediction a" in caplog.text


def test_an_output_file_that_is_gone_fails_the_prediction(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        workers.link.ends("a", wire.file_value(str(folder_of(workers) / "out.png")))
        await live.ended
        error = "cannot read the output file 'out.png': No such file or directory"
        assert (view(live)["status"], view(live)["error"]) == ("failed", error)

    serve(steps, tmp_path)


def test_an_output_beyond_all_nesting_fails_the_prediction(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        output: object = None
        for _ in range(100_000):
            output = [output]
        workers.link.ends("a", output)
        assert view(live)["error"] == "The output is nested too deeply"

    serve(steps, tmp_path)


def test_files_of_a_prediction_are_removed(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("../../a"))
        folder = folder_of(workers)
        assert folder.parent == tmp_path
        write(folder / "big", "x")
        workers.link.ends("../../a")
        await live.ended

        assert await folder_of_next(service, workers) != folder
        workers.link.ends("next")
        assert await folder_of_next(service, workers) != folder
        workers.link.ends("next")

    serve(steps, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1, "an empty folder is lent again"


def test_predictions_wait_their_turn_and_then_are_refused(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        lives = [await take(service, ask(name)) for name in "abc"]
        with pytest.raises(QueueFull):
            await take(service, ask("d"))
        assert service.retry_after() == 2
        for name in "abc":
            assert workers.link.predictions[-1] == name
            workers.link.ends(name)
        assert all(live.ended.done() for live in lives)
        assert repr(service) == "<Service ready, <Pool 0 running, 1 idle, 0 waiting>>"

    serve(steps, tmp_path)


def test_retry_after_follows_how_long_predictions_take(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        for n in range(40):
            await take(service, ask(str(n)))
            workers.link.says(wire.Done(id=str(n), status="succeeded", predict_time=30))
        for name in "abc":
            await take(service, ask(name))
        assert 50 < service.retry_after() <= 60

    serve(steps, tmp_path)


def test_capacity_0_is_no_queue(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        await take(service, ask("a"))
        with pytest.raises(AtCapacity):
            await take(service, ask("b"))
        workers.ready = None
        workers.link.dies("was killed by SIGKILL")
        await settle()
        with pytest.raises(NotReady, match="killed by SIGKILL; it is being restarted"):
            await take(service, ask("c"))

    serve(steps, tmp_path, capacity=0)


def test_an_id_in_use_is_refused(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        await take(service, ask("a"))
        with pytest.raises(IdInUse):
            await take(service, ask("a"))
        workers.link.ends("a", wire.file_value("/nonexistent"))
        with pytest.raises(IdInUse):  # its output file is still being read
            await take(service, ask("a"))

    serve(steps, tmp_path)


def test_an_empty_id_is_no_id(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        assert (await take(service, ask(""))).id == "made-1"
        assert (await take(service, ask(""))).id == "made-2"

    serve(steps, tmp_path)


def test_inputs_are_checked_and_unknown_ones_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        with pytest.raises(InvalidInput, match="Field required"):
            await take(service, ask())
        with pytest.raises(InvalidInput, match=r'\[1\] is not of type "object"'):
            await take(service, PredictionRequest(input=[1]))
        live = await take(service, ask(s="x", zz=1, aa=2))
        assert live.prediction.input == {"s": "x"}
        assert "Unknown inputs are ignored: aa, zz" in caplog.text

    serve(steps, tmp_path, schema=SCHEMA)


def test_secrets_reach_the_worker_and_nobody_else(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a", s="x", key="hunter2"))
        message = workers.link.sent[0]
        assert isinstance(message, wire.Predict)
        assert message.input["key"] == "hunter2"
        assert live.prediction.snapshot()["input"] == {"s": "x", "key": "**********"}
        with pytest.raises(InvalidInput) as caught:
            await take(service, ask("b", s="x", key=["hunter2"]))
        assert "hunter2" not in str(caught.value)

    serve(steps, tmp_path, schema=SCHEMA)


def test_cancelling_a_waiting_prediction_ends_it_at_once(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        await take(service, ask("a"))
        live = await take(service, ask("b"))
        assert await service.cancel("b")
        assert view(live) == {
            "id": "b",
            "input": {},
            "logs": "",
            "status": "canceled",
            "metrics": {"predict_time": 0.0},
        }
        assert not await service.cancel("b")
        assert workers.link.predictions == ["a"]

    serve(steps, tmp_path)


def test_cancelling_a_running_prediction_asks_the_worker_once(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        assert await service.cancel("a")
        assert await service.cancel("a")
        assert workers.link.sent[1:] == [wire.Cancel(id="a")]
        assert not live.ended.done()
        workers.link.says(wire.Done(id="a", status="canceled"))
        assert view(live)["status"] == "canceled"

    serve(steps, tmp_path)


def test_a_crash_fails_what_was_running_and_nothing_else(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        running, waiting = await take(service, ask("a")), await take(service, ask("b"))
        workers.link.says(wire.Log(id="a", stream="stdout", data="so far"))
        workers.link.says(wire.Output(id="a", index=0, value=1))
        workers.link.dies("was killed by SIGKILL (probably out of memory)", "\nlast words")
        await settle()
        shown = view(running)
        assert shown["status"] == "failed"
        assert shown["error"] == (
            "Worker crashed: it was killed by SIGKILL (probably out of memory)"
        )
        assert (shown["logs"], shown["output"]) == ("so far\nlast words", [1])
        assert len(workers.links) == 2
        assert workers.link.predictions == ["b"]
        workers.link.ends("b", "fine")
        assert view(waiting)["output"] == "fine"

    serve(steps, tmp_path)


def test_last_words_are_nobodys_where_several_were_running(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        lives = [await take(service, ask(name)) for name in "ab"]
        workers.link.dies("exited with code 3", "last words")
        await settle()
        assert [view(live)["logs"] for live in lives] == ["", ""]
        assert {view(live)["error"] for live in lives} == {"Worker crashed: it exited with code 3"}

    serve(steps, tmp_path, workers=FakeWorkers(replace(READY, concurrency=2)))


def test_a_worker_that_ends_what_it_does_not_run_is_not_believed(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        waiting = await take(service, ask("b"))
        workers.link.ends("b")
        workers.link.ends("unknown")
        assert not waiting.ended.done()
        workers.link.ends("a", 1)
        workers.link.ends("a", 2)
        assert view(live)["output"] == 1

    serve(steps, tmp_path)


def test_a_prediction_that_cannot_be_sent_fails_and_frees_its_slot(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a", n=float("nan")))
        assert view(live)["error"] == "The prediction cannot be started: ValueError"
        await take(service, ask("b"))
        assert workers.link.predictions == ["b"]

    serve(steps, tmp_path)


def test_before_setup_has_ended_nothing_is_taken(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        with pytest.raises(NotReady, match=r"^$"):
            await take(service, ask("a"))
        health = await service.health({})
        assert health.document()["status"] == "STARTING"
        workers.link.says(wire.SetupFailed(error="RuntimeError: boom", traceback="Trace"))
        await settle()
        with pytest.raises(NotReady, match="Setup failed: RuntimeError: boom"):
            await take(service, ask("a"))
        document = (await service.health({})).document()
        assert document["status"] == "SETUP_FAILED"
        assert document["error"] == "Setup failed: RuntimeError: boom"

    serve(steps, tmp_path, workers=FakeWorkers(ready=None))


def test_a_crash_loop_ends_what_waits_and_says_why(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        workers.ready = None
        workers.link.dies("was killed by SIGKILL")
        await settle()
        waiting = await take(service, ask("a"))
        workers.link.dies("was killed by SIGKILL")
        await settle()
        why = "died 2 times in a row. The worker was killed by SIGKILL during setup"
        assert view(waiting)["status"] == "failed"
        assert why in str(view(waiting)["error"])
        with pytest.raises(NotReady, match=why):
            await take(service, ask("b"))
        document = (await service.health({})).document()
        assert document["status"] == "DEFUNCT"
        assert why in str(document["error"])

    serve(steps, tmp_path, deaths=1)


def test_health_is_busy_while_no_slot_is_free(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        document = (await service.health({"cogkit": "1"})).document()
        assert document["status"] == "READY"
        assert document["version"] == {"cogkit": "1", "python": "3.11.7"}
        await take(service, ask("a"))
        assert (await service.health({})).document()["status"] == "BUSY"

    serve(steps, tmp_path)


def test_the_users_healthcheck_is_asked_and_shared(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        first, second = (asyncio.ensure_future(service.health({})) for _ in range(2))
        await settle()
        assert workers.link.sent == [wire.Healthcheck(nonce=1)]
        error = "user-defined healthcheck returned False"
        workers.link.says(wire.Health(nonce=1, ok=False, error=error))
        for document in ((await first).document(), (await second).document()):
            assert document["status"] == "UNHEALTHY"
            assert document["user_healthcheck_error"] == f"Healthcheck failed: {error}"

        third = asyncio.ensure_future(service.health({}))
        await settle()
        workers.link.says(wire.Health(nonce=1, ok=False, error="late"))
        workers.link.says(wire.Health(nonce=2, ok=True))
        assert (await third).document()["status"] == "READY"

    serve(steps, tmp_path, workers=FakeWorkers(replace(READY, has_healthcheck=True)))


def test_a_healthcheck_does_not_outlive_its_worker(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        asked = asyncio.ensure_future(service.health({}))
        await settle()
        workers.ready = None
        workers.link.dies("exited with code 1")
        assert (await asked).document()["status"] == "STARTING"

    serve(steps, tmp_path, workers=FakeWorkers(replace(READY, has_healthcheck=True)))


def test_closing_refuses_what_comes_and_lets_end_what_was_taken(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        lives = [await take(service, ask(name)) for name in "ab"]
        stopped = asyncio.ensure_future(service.stop(None, asyncio.Event()))
        await settle()
        with pytest.raises(Closed):
            await service.submit(ask("c"))
        for name, live in zip("ab", lives, strict=True):
            assert not stopped.done()
            workers.link.ends(name, "fine")
            assert view(live)["output"] == "fine"
        await stopped
        assert workers.link.sent[-1] == wire.Shutdown()

    serve(steps, tmp_path)


@pytest.mark.parametrize("hurried", [True, False])
def test_what_does_not_end_in_time_is_ended(tmp_path: Path, *, hurried: bool) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live, waiting = await take(service, ask("a")), await take(service, ask("b"))
        hurry = asyncio.Event()
        if hurried:
            hurry.set()
        await service.stop(None if hurried else 0.01, hurry)
        assert view(live)["error"] == "The server shut down before the prediction ended"
        assert view(waiting)["error"] == (
            "The server is shutting down; the prediction was not started"
        )

    serve(steps, tmp_path)


def test_stopping_waits_for_output_files_to_be_read(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        file = folder_of(workers) / "out.txt"
        write(file, "hi")
        workers.link.ends("a", wire.file_value(str(file)))
        await service.stop(0, asyncio.Event())
        assert view(live)["output"] == "data:text/plain;base64,aGk="

    serve(steps, tmp_path)


def test_what_a_model_prints_is_logged_in_whole_lines_with_its_prediction(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        await take(service, ask("a"))
        for part in ("one\ntw", "o\nrest"):
            workers.link.says(wire.Log(id="a", stream="stdout", data=part))
        workers.link.ends("a")

    with caplog.at_level(logging.INFO, "cog.model"):
        serve(steps, tmp_path)
    lines = [
        (record.getMessage(), vars(record)["prediction_id"])
        for record in caplog.records
        if record.name == "cog.model"
    ]
    assert lines == [("one", "a"), ("two", "a"), ("rest", "a")]


async def feed_of(live: Tracked) -> list[Event]:
    reader, found = live.feed.follow(), list[Event]()
    while not reader.over:
        found += await reader.next()
    return found


def test_what_happens_is_told_while_it_happens(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        reader = live.feed.follow()
        assert await reader.next() == [Started()]
        workers.link.says(wire.Output(id="a", index=0, value="x"))
        assert await reader.next() == [Output(0, "x")]
        assert live.snapshot()["output"] == ["x"]
        workers.link.says(wire.Log(id="a", stream="stderr", data="hi\n"))
        workers.link.says(wire.Metric(id="a", name="n", value=1, mode="increment"))
        workers.link.says(wire.Metric(id="a", name="bad name", value=1))
        assert await reader.next() == [Logged("stderr", "hi\n"), Measured("n", 1, "increment")]
        assert live.snapshot()["metrics"] == {"n": 1}
        workers.link.says(wire.Done(id="a", status="succeeded", is_iterator=True))
        assert await reader.next() == [Completed("succeeded")]
        assert reader.over

    serve(steps, tmp_path)


def test_items_with_files_keep_their_place(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        file = folder_of(workers) / "out.txt"
        write(file, "hi")
        for index, value in enumerate(["x", wire.file_value(str(file)), "y"]):
            workers.link.says(wire.Output(id="a", index=index, value=value))
        assert live.snapshot()["output"] == ["x"]
        workers.link.says(wire.Done(id="a", status="succeeded", is_iterator=True))
        assert not live.ended.done()
        url = "data:text/plain;base64,aGk="
        assert await feed_of(live) == [
            Started(), Output(0, "x"), Output(1, url), Output(2, "y"), Completed("succeeded"),
        ]  # fmt: skip
        assert view(live)["output"] == ["x", url, "y"]

    serve(steps, tmp_path)


def test_an_item_that_cannot_be_sent_fails_the_prediction(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        gone = wire.file_value(str(folder_of(workers) / "gone.txt"))
        for index, value in enumerate(["x", gone, "y"]):
            workers.link.says(wire.Output(id="a", index=index, value=value))
        workers.link.says(wire.Done(id="a", status="succeeded", is_iterator=True))
        await live.ended
        assert view(live)["status"] == "failed"
        assert "cannot read the output file 'gone.txt'" in str(view(live)["error"])
        assert view(live)["output"] == ["x"]

    serve(steps, tmp_path)


def test_the_same_id_joins_while_it_runs_and_after(tmp_path: Path) -> None:
    join = Terms(join=True, fingerprint=b"1")

    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"), join)
        assert await service.submit(ask("a"), join) == (live, False)
        with pytest.raises(OtherRequest):
            await service.submit(ask("a"), Terms(join=True, fingerprint=b"2"))
        workers.link.ends("a", "once")
        past, is_new = await service.submit(ask("a"), join)
        assert not is_new
        assert past.snapshot() == live.snapshot()
        assert past.document() == live.document()
        assert await feed_of(past) == await feed_of(live) == [Started(), Completed("succeeded")]
        assert past.ended.done()
        assert workers.link.predictions == ["a"]

    serve(steps, tmp_path)


def test_one_clients_idempotency_key_finds_its_prediction(tmp_path: Path) -> None:
    mine, theirs = Terms(client="me", key="k"), Terms(client="them", key="k")

    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask(), mine)
        assert await service.submit(ask(), mine) == (live, False)
        workers.link.ends(live.id)
        past, is_new = await service.submit(ask("other"), mine)
        assert (past.id, is_new) == (live.id, False)
        assert (await take(service, ask(), theirs)).id != live.id

    serve(steps, tmp_path)


def test_an_id_that_has_ended_runs_again_where_nobody_asks_to_join(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        for output in (1, 2):
            live = await take(service, ask("a"))
            workers.link.ends("a", output)
            assert view(live)["output"] == output
        found = await service.find("a")
        assert found is not None
        assert found.snapshot()["output"] == 2

    serve(steps, tmp_path)


def test_what_is_refused_is_not_known(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        await take(service, ask("a"))
        with pytest.raises(AtCapacity):
            await service.submit(ask("b"), Terms(key="k"))
        assert await service.find("b") is None
        workers.link.ends("a")
        await take(service, ask("c"), Terms(key="k"))

    serve(steps, tmp_path, capacity=0)


def test_predictions_are_found_and_listed_newest_first(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        for name in "abc":
            await take(service, ask(name))
        workers.link.ends("a")
        found = [await service.find(name) for name in "abcd"]
        assert [one and one.snapshot()["status"] for one in found] == [
            "succeeded", "processing", "starting", None,
        ]  # fmt: skip
        first = await service.recent(limit=2)
        second = await service.recent(first.cursor, limit=2)
        assert [one.id for one in (*first.tracked, *second.tracked)] == ["c", "b", "a"]
        assert second.cursor is None

    serve(steps, tmp_path)


def test_what_waits_shows_its_place(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        lives = [await take(service, ask(name)) for name in "abc"]
        assert [live.snapshot().get("queue") for live in lives] == [
            None,
            {"position": 1, "estimated_wait": 1.0},
            {"position": 2, "estimated_wait": 2.0},
        ]
        workers.link.ends("a")
        assert "queue" not in lives[1].snapshot()

    serve(steps, tmp_path)


def test_what_waits_too_long_fails_and_never_runs(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        running = await take(service, ask("a"), Terms(queue_timeout=0.01))
        late = await take(service, ask("b"), Terms(queue_timeout=0.01))
        await late.ended
        assert view(late)["status"] == "failed"
        assert view(late)["error"] == (
            "The prediction timed out: it did not start within 0.01 seconds"
        )
        workers.link.ends("a")
        assert view(running)["status"] == "succeeded", "what starts at once has not waited"
        assert workers.link.predictions == ["a"]

    serve(steps, tmp_path)


def test_what_runs_too_long_is_canceled_and_fails(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"), Terms(run_timeout=0.01))
        await until(lambda: wire.Cancel(id="a") in workers.link.sent)
        workers.link.says(wire.Done(id="a", status="canceled", predict_time=0.5))
        assert view(live) == {
            "id": "a",
            "input": {},
            "error": "The prediction timed out: it ran longer than 0.01 seconds",
            "logs": "",
            "status": "failed",
            "metrics": {"predict_time": 0.5},
        }

    serve(steps, tmp_path)


def test_what_ends_by_itself_just_then_is_what_it_is(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"), Terms(run_timeout=0.01))
        await until(lambda: wire.Cancel(id="a") in workers.link.sent)
        workers.link.ends("a", "done")
        assert view(live)["status"] == "succeeded"

    serve(steps, tmp_path)


@pytest.mark.parametrize(
    ("asked", "limit", "holds"), [(None, 0.01, 0.01), (9, 0.01, 0.01), (0.01, 9, 0.01)]
)
def test_a_request_may_ask_for_less_time_and_not_for_more(
    tmp_path: Path, asked: float | None, limit: float, holds: float
) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        await take(service, ask("a"))
        late = await take(service, ask("b"), Terms(queue_timeout=asked))
        await late.ended
        assert f"within {holds:g} seconds" in str(view(late)["error"])

    serve(steps, tmp_path, limits=Limits(queue_timeout=limit))


def test_a_handler_that_does_not_stop_costs_its_worker(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live, waiting = await take(service, ask("a")), await take(service, ask("b"))
        await service.cancel("a")
        await live.ended
        assert view(live)["status"] == "canceled"
        assert workers.links[0].killed
        await until(lambda: workers.link.predictions == ["b"])
        workers.link.ends("b", "fine")
        assert view(waiting)["output"] == "fine"

    serve(steps, tmp_path, limits=Limits(cancel_grace=0.01), deaths=0)


def test_a_handler_that_overruns_and_does_not_stop_has_timed_out(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"), Terms(run_timeout=0.01))
        await live.ended
        assert view(live)["status"] == "failed"
        assert "ran longer than 0.01 seconds" in str(view(live)["error"])
        assert workers.links[0].killed

    serve(steps, tmp_path, limits=Limits(cancel_grace=0.01), deaths=0)


def test_a_worker_is_not_killed_while_it_runs_what_nobody_canceled(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        stuck, other = await take(service, ask("a")), await take(service, ask("b"))
        await service.cancel("a")
        await asyncio.sleep(0.05)
        assert not stuck.ended.done()
        await take(service, ask("c"))
        assert workers.link.predictions == ["a", "b"], "it is given nothing more"
        workers.link.ends("b", "fine")
        assert view(other)["output"] == "fine"
        await stuck.ended
        assert view(stuck)["status"] == "canceled"
        assert workers.links[0].killed
        await until(lambda: workers.link.predictions == ["c"])

    serve(
        steps,
        tmp_path,
        workers=FakeWorkers(replace(READY, concurrency=3)),
        limits=Limits(cancel_grace=0.01),
    )


def test_availability_memory_held_by_canceled_jobs(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        running = await take(service, ask("running", s="x" * 1000))
        for n in range(50):
            ids = [f"{n}-{each}" for each in range(2)]
            waiting = [await take(service, ask(one, s="x" * 1000), Terms(size=1000)) for one in ids]
            assert service.level().queue_bytes == 2000
            for live in waiting:
                assert await service.cancel(live.id)
                await live.ended
                assert live.given == {}
        assert (service.level().queue_bytes, service.level().queue_depths.get(3, 0)) == (0, 0)
        assert await service.cancel("running")
        workers.link.says(wire.Done(id="running", status="canceled"))
        await running.ended
        assert running.given == {}

    serve(steps, tmp_path)


def test_priority_and_fairness_decide_who_is_next(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        await take(service, ask("0"))
        for name in ("a1", "a2", "a3"):
            await take(service, ask(name), Terms(client="a"))
        await take(service, ask("b1"), Terms(client="b"))
        await take(service, ask("late"), Terms(client="c", priority=7))
        await take(service, ask("urgent"), Terms(client="a", priority=0))
        for _ in range(7):
            workers.link.ends(workers.link.predictions[-1])
        assert workers.link.predictions == ["0", "urgent", "a1", "b1", "a2", "a3", "late"]

    serve(steps, tmp_path, capacity=10)


def test_the_queue_is_bounded_by_bytes_too(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        big = Terms(size=300 * 1024 * 1024)
        await take(service, ask("a"), big)
        with pytest.raises(QueueFull):
            await service.submit(ask("b"), big)

    serve(steps, tmp_path)


def test_several_workers_share_the_work_and_the_idlest_comes_first(tmp_path: Path) -> None:
    other = FakeWorkers(replace(READY, concurrency=2))

    async def steps(service: Service, workers: FakeWorkers) -> None:
        for name in "abcd":
            await take(service, ask(name))
        assert (workers.link.predictions, other.link.predictions) == (["b"], ["a", "c"])
        other.link.ends("a", "x")
        assert other.link.predictions == ["a", "c", "d"]
        await service.cancel("c")
        assert other.link.sent[-1] == wire.Cancel(id="c")
        other.link.dies("exited with code 1")
        await settle()
        assert service.condition().phase is Phase.READY
        workers.link.ends("b")
        assert repr(service).startswith("<Service ready")

    serve(steps, tmp_path, others={"worker-2": other})


def test_a_worker_that_is_given_up_costs_no_more_than_itself(tmp_path: Path) -> None:
    other = FakeWorkers(ready=None)

    async def steps(service: Service, workers: FakeWorkers) -> None:
        assert service.condition().is_ready, "one of two is enough"
        other.link.says(wire.SetupFailed(error="CUDA out of memory"))
        await settle()
        condition = service.condition()
        assert condition.is_ready
        assert condition.trouble == "worker-2: Setup failed: CUDA out of memory"
        await take(service, ask("a"))
        waiting = await take(service, ask("b"))
        workers.link.ends("a")
        workers.link.ends("b", "fine")
        assert view(waiting)["output"] == "fine"
        assert service.level().workers["setup_failed"] == 1

    serve(steps, tmp_path, others={"worker-2": other})


def test_everybodys_healthcheck_counts(tmp_path: Path) -> None:
    other = FakeWorkers(replace(READY, has_healthcheck=True))

    async def steps(service: Service, workers: FakeWorkers) -> None:
        asked = asyncio.ensure_future(service.health({}))
        await settle()
        workers.link.says(wire.Health(nonce=1, ok=True))
        other.link.says(wire.Health(nonce=1, ok=False, error="sick"))
        assert (await asked).user_error == "Healthcheck failed: sick"

    serve(
        steps,
        tmp_path,
        workers=FakeWorkers(replace(READY, has_healthcheck=True)),
        others={"worker-2": other},
    )


def test_what_happens_is_counted(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        for name in "abc":
            await take(service, ask(name))
        with pytest.raises(QueueFull):
            await service.submit(ask("d"))
        level = service.level()
        assert (level.queue_depths, level.slots_busy, level.slots_idle) == ({3: 2}, 1, 0)
        assert level.queue_oldest > 0
        await service.cancel("b")
        workers.link.says(wire.Output(id="a", index=0, value="x"))
        workers.link.ends("a")
        workers.link.dies("was killed", cause="memory")
        await settle()
        service.close()
        with pytest.raises(Closed):
            await service.submit(ask("e"))
        tally = service.tally
        assert tally.ended == {"canceled": 1, "succeeded": 1, "failed": 1}
        assert tally.refused == {"full": 1, "closed": 1}
        assert tally.restarts == {"memory": 1}
        assert sum(tally.took.counts) == 3
        assert sum(tally.ran.counts) == sum(tally.queued.counts) == 2
        assert sum(tally.first_output.counts) == 1
        assert sum(tally.setups.counts) == 2

    serve(steps, tmp_path)


def test_nobody_hears_of_an_end_before_it_is_kept(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        live = await take(service, ask("a"))
        reader = live.feed.follow()
        workers.link.ends("a")
        assert not live.ended.done()
        assert reader.take() == [Started()]
        await live.ended
        assert reader.take() == [Completed("succeeded")]
        found = await service.find("a")
        assert found is not None
        assert found.document() == live.document()

    serve(steps, tmp_path, store=SlowStore(Keep(), lambda: 0.0))


def test_whoever_joins_what_is_then_refused_does_not_wait_for_ever(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        await take(service, ask("a"))
        join = Terms(join=True)
        first, second = await asyncio.gather(
            service.submit(ask("b"), join), service.submit(ask("b"), join), return_exceptions=True
        )
        assert isinstance(first, AtCapacity)
        assert not isinstance(second, BaseException)
        assert second.tracked.snapshot()["status"] == "failed"
        assert second.tracked.ended.done()
        assert await service.find("b") is None

    serve(steps, tmp_path, capacity=0, store=SlowStore(Keep(), lambda: 0.0))


def test_at_debug_level_each_end_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        await take(service, ask("a"))
        workers.link.ends("a")

    with caplog.at_level(logging.DEBUG, "cog"):
        serve(steps, tmp_path)
    (ended,) = [
        record for record in caplog.records if record.getMessage() == "Prediction a succeeded"
    ]
    found = vars(ended)
    assert (found["prediction_id"], found["status"]) == ("a", "succeeded")
    assert found["seconds"] >= 0


def test_a_refused_request_does_not_take_away_what_had_ended_under_its_id(tmp_path: Path) -> None:
    async def steps(service: Service, workers: FakeWorkers) -> None:
        ended = await take(service, ask("a"))
        workers.link.ends("a", "once")
        await take(service, ask("b"))
        with pytest.raises(AtCapacity):
            await service.submit(ask("a"))
        found = await service.find("a")
        assert found is not None
        assert found.document() == ended.document()

    serve(steps, tmp_path, capacity=0)


def test_the_ready_file_is_there_from_the_first_worker_to_the_shutdown(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.mktemp("run") / "cog" / "ready"

    async def steps(service: Service, workers: FakeWorkers) -> None:
        assert not file.exists()
        workers.link.says(READY)
        await settle()
        assert file.exists()
        service.drain()
        assert not file.exists()
        workers.link.dies("exited with code 1")
        await settle()
        assert not file.exists()

    folder = tmp_path_factory.mktemp("scratch")
    serve(steps, folder, workers=FakeWorkers(ready=None), ready_file=ReadyFile(file))


def test_a_ready_file_that_cannot_be_made_is_said_and_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    occupied = tmp_path_factory.mktemp("run") / "cog"
    occupied.touch()

    async def steps(service: Service, workers: FakeWorkers) -> None:
        await take(service, ask("a"))
        workers.link.ends("a")

    folder = tmp_path_factory.mktemp("scratch")
    serve(steps, folder, ready_file=ReadyFile(occupied / "ready"))
    assert "Cannot make " in caplog.text
