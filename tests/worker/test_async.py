from __future__ import annotations

from pathlib import Path

import pytest

from cog import wire
from tests.worker.conftest import Start

MEETING = """
import asyncio
class Predictor:
    def setup(self):
        self.here, self.all = 0, asyncio.Event()
    async def predict(self, name: str, wait_for: int) -> str:
        print(f"{name} in")
        self.here += 1
        if self.here == wait_for:
            self.all.set()
        await self.all.wait()
        print(f"{name} out")
        return name
"""


def test_predictions_run_at_the_same_time_each_with_its_own_log(start: Start) -> None:
    worker = start(MEETING, "--concurrency", "3")
    ready = worker.ready()
    assert (ready.is_async, ready.concurrency) == (True, 3)
    for name in "abc":
        worker.start(name, name=name, wait_for=3)
    assert [worker.done(name).output for name in "abc"] == ["a", "b", "c"]
    assert [worker.logs(name) for name in "abc"] == [f"{name} in\n{name} out\n" for name in "abc"]


def test_the_decorator_says_how_many_unless_the_server_does(start: Start) -> None:
    source = """
    import cog
    class Predictor:
        @cog.streaming
        @cog.concurrent(max=5)
        async def run(self) -> str:
            return ""
    """
    ready = start(source).ready()
    assert (ready.concurrency, ready.streaming) == (5, True)
    assert start(source, "--concurrency", "2").ready().concurrency == 2


def test_items_of_an_async_generator_are_sent_while_it_runs(start: Start) -> None:
    worker = start(
        """
        import asyncio, pathlib
        class Predictor:
            async def predict(self, gate: str):
                yield "first"
                while not pathlib.Path(gate).exists():
                    await asyncio.sleep(0.01)
                yield "second"
        """
    )
    gate = worker.project / "gate"
    worker.start(gate=str(gate))
    worker.wait(wire.Output)
    assert worker.outputs() == ["first"]
    gate.touch()
    assert worker.done().is_iterator
    assert worker.outputs() == ["first", "second"]


def test_an_async_handler_may_return_a_plain_generator(start: Start) -> None:
    worker = start(
        "async def f(n: int):\n    return (x * x for x in range(n))\n", ref="predict.py:f"
    )
    assert worker.predict(n=3).is_iterator
    assert worker.outputs() == [0, 1, 4]


def test_setup_and_predictions_share_one_loop(start: Start) -> None:
    worker = start(
        """
        import asyncio
        class Predictor:
            async def setup(self):
                self.jobs, self.loop = asyncio.Queue(), asyncio.get_running_loop()
                self.task = asyncio.create_task(self.work())
            async def work(self):
                while True:
                    number, answer = await self.jobs.get()
                    answer.set_result(number * 2)
            async def predict(self, n: int) -> int:
                answer = asyncio.get_running_loop().create_future()
                self.jobs.put_nowait((n, answer))
                assert self.loop is asyncio.get_running_loop()
                return await answer
        """
    )
    assert worker.predict(n=21).output == 42


def test_a_failure_costs_only_its_own_prediction(start: Start) -> None:
    worker = start(
        """
        import asyncio, sys
        class Predictor:
            def setup(self):
                self.failed = asyncio.Event()
            async def predict(self, leave: bool) -> str:
                if leave:
                    self.failed.set()
                    sys.exit("leaving")
                await self.failed.wait()
                return "fine"
        """,
        "--concurrency",
        "2",
    )
    worker.start("good", leave=False)
    worker.start("bad", leave=True)
    assert worker.done("bad").error == "SystemExit: leaving"
    assert worker.done("good").output == "fine"
    assert "SystemExit: leaving" in worker.logs("bad")
    assert worker.logs("good") == ""


def test_a_task_of_the_models_own_that_exits_does_not_stop_the_worker(start: Start) -> None:
    worker = start(
        """
        import asyncio, sys
        async def leave():
            sys.exit(3)
        async def f() -> str:
            task = asyncio.create_task(leave())
            try:
                await task
            except SystemExit:
                return "went on"
        """,
        ref="predict.py:f",
    )
    assert worker.predict("1").output == "went on"
    assert worker.predict("2").output == "went on"


def test_metrics_and_context_belong_to_the_task(start: Start) -> None:
    worker = start(
        """
        import asyncio
        from cog import current_scope
        class Predictor:
            def setup(self):
                self.turn = asyncio.Event()
            async def predict(self, first: bool) -> str:
                if first:
                    await self.turn.wait()
                current_scope().metrics["mine"] = current_scope().context["name"]
                await asyncio.gather(self.child())
                self.turn.set()
                return current_scope().context["name"]
            async def child(self):
                current_scope().record_metric("child", current_scope().context["name"])
        """,
        "--concurrency",
        "2",
    )
    worker.start("1", context={"name": "one"}, first=True)
    worker.start("2", context={"name": "two"}, first=False)
    for name, word in (("1", "one"), ("2", "two")):
        done = worker.done(name)
        assert (done.output, done.metrics) == (word, {"mine": word, "child": word})


def test_files_are_fetched_without_holding_the_others_up(start: Start) -> None:
    worker = start(
        """
        from cog import Path
        class Predictor:
            async def predict(self, images: list[Path]) -> list[str]:
                return [image.read_text() for image in images]
        """
    )
    assert worker.predict(images=["data:,a", "data:,b"]).output == ["a", "b"]


@pytest.mark.parametrize("where", ["await asyncio.sleep(60)", "await asyncio.to_thread(print)"])
def test_cancel_reaches_the_task(start: Start, where: str) -> None:
    worker = start(
        f"""
        import asyncio
        async def f() -> str:
            print("in")
            try:
                while True:
                    {where}
            except asyncio.CancelledError:
                print("cleaned up")
                raise
        """,
        ref="predict.py:f",
    )
    worker.start()
    worker.wait_log("in")
    worker.send(wire.Cancel(id="p"))
    done = worker.done()
    assert (done.status, done.output, done.error) == ("canceled", None, "")
    assert "cleaned up\n" in worker.logs()
    assert "Traceback" not in worker.logs()


def test_cancel_of_one_leaves_the_others_alone(start: Start) -> None:
    worker = start(MEETING, "--concurrency", "3")
    worker.start("a", name="a", wait_for=3)
    worker.start("b", name="b", wait_for=3)
    worker.wait_log("b in", "b")
    worker.send(wire.Cancel(id="a"))
    assert worker.done("a").status == "canceled"
    worker.start("c", name="c", wait_for=3)
    assert worker.done("b").output == "b"
    assert worker.done("c").output == "c"


def test_a_generator_that_awaits_nothing_can_be_canceled(start: Start) -> None:
    worker = start(
        """
        import time
        async def f():
            try:
                for n in range(100000):
                    time.sleep(0.01)
                    yield n
            finally:
                print("closed")
        """,
        ref="predict.py:f",
    )
    worker.start()
    worker.wait(wire.Output)
    worker.send(wire.Cancel(id="p"))
    assert worker.done().status == "canceled"
    assert worker.logs() == "closed\n"


def test_cancel_that_is_swallowed_still_counts(start: Start) -> None:
    worker = start(
        """
        import asyncio
        async def f() -> str:
            print("in")
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return "never mind"
        """,
        ref="predict.py:f",
    )
    worker.start()
    worker.wait_log("in")
    worker.send(wire.Cancel(id="p"))
    done = worker.done()
    assert (done.status, done.output) == ("canceled", None)


def test_cancel_right_behind_the_request_is_not_lost(start: Start) -> None:
    worker = start("import asyncio\nasync def f():\n    await asyncio.sleep(60)\n",
                   ref="predict.py:f")  # fmt: skip
    worker.ready()
    request = wire.Predict(id="p", input={}, dir=str(worker.project))
    worker.socket.sendall(wire.encode(request) + wire.encode(wire.Cancel(id="p")))
    assert worker.done().status == "canceled"


def test_a_canceled_error_without_a_cancel_is_a_failure(start: Start) -> None:
    worker = start(
        "import asyncio\nasync def f():\n    raise asyncio.CancelledError\n", ref="predict.py:f"
    )
    done = worker.predict()
    assert (done.status, done.error) == ("failed", "CancelledError")


def test_output_files_of_a_task(start: Start) -> None:
    worker = start(
        """
        from cog import Path
        async def f() -> Path:
            Path("a.txt").write_text("x")
            return Path("a.txt")
        """,
        ref="predict.py:f",
    )
    output = worker.predict().output
    assert isinstance(output, dict)
    assert Path(output["__file__"]).read_text() == "x"


def test_shutdown_of_an_idle_worker(start: Start) -> None:
    worker = start("async def f(): ...\n", ref="predict.py:f")
    worker.ready()
    worker.send(wire.Shutdown())
    assert worker.wait_exit() == 0
