from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from cog import wire
from tests.fakes.worker_driver import PYTHON
from tests.worker.conftest import Start


def python_version() -> str:
    ask = "import platform; print(platform.python_version())"
    return subprocess.check_output([PYTHON, "-c", ask], text=True).strip()


def test_a_class_is_loaded_set_up_once_and_answers(start: Start) -> None:
    worker = start(
        """
        from cog import BasePredictor, Input

        class Predictor(BasePredictor):
            def setup(self) -> None:
                self.count = 100

            def predict(self, text: str, times: int = Input(default=2, ge=1)) -> str:
                self.count += 1
                return f"{text * times} {self.count}"
        """
    )
    assert worker.ready() == wire.Ready(
        concurrency=1,
        is_async=False,
        streaming=False,
        python=python_version(),
        has_healthcheck=False,
    )
    first, second = worker.predict("1", text="a"), worker.predict("2", text="b", times=3)
    assert (first.status, first.output, first.error) == ("succeeded", "aa 101", "")
    assert (second.output, second.is_iterator) == ("bbb 102", False)
    assert 0 < first.predict_time < 5


def test_a_function_is_a_handler_too(start: Start) -> None:
    worker = start("def double(n: int) -> int:\n    return 2 * n\n", ref="predict.py:double")
    assert worker.predict(n=4).output == 8


def test_run_is_called_like_predict(start: Start) -> None:
    worker = start("class Runner:\n    def run(self, n: int) -> int:\n        return -n\n",
                   ref="predict.py:Runner")  # fmt: skip
    assert worker.predict(n=4).output == -4


def test_setup_gets_the_weights_it_asks_for(start: Start) -> None:
    worker = start(
        """
        class Predictor:
            def setup(self, weights):
                self.weights = weights
            def predict(self) -> str:
                return repr(self.weights)
        """,
        env={"COG_WEIGHTS": "https://example.com/w.tar"},
    )
    assert worker.predict().output == "'https://example.com/w.tar'"


def test_an_async_setup_is_awaited(start: Start) -> None:
    worker = start(
        """
        import asyncio
        class Predictor:
            async def setup(self):
                await asyncio.sleep(0)
                self.ready = True
            def predict(self) -> bool:
                return self.ready
        """
    )
    assert worker.predict().output is True


def test_items_of_a_generator_are_sent_while_it_runs(start: Start) -> None:
    worker = start(
        """
        import pathlib, time
        from cog import ConcatenateIterator
        class Predictor:
            def predict(self, gate: str) -> ConcatenateIterator[str]:
                yield "first"
                while not pathlib.Path(gate).exists():
                    time.sleep(0.01)
                yield "second"
        """
    )
    gate = worker.project / "gate"
    worker.start(gate=str(gate))
    worker.wait(wire.Output)
    assert worker.outputs() == ["first"]
    gate.touch()
    done = worker.done()
    assert worker.outputs() == ["first", "second"]
    assert (done.status, done.is_iterator, done.output) == ("succeeded", True, None)


def test_a_generator_that_fails_keeps_what_it_has_sent(start: Start) -> None:
    worker = start(
        """
        class Predictor:
            def predict(self):
                yield 1
                raise ValueError("mid-stream boom")
        """
    )
    done = worker.predict()
    assert worker.outputs() == [1]
    assert (done.status, done.error, done.is_iterator) == (
        "failed", "ValueError: mid-stream boom", True,
    )  # fmt: skip


def test_an_exception_is_one_line_for_the_client_and_a_traceback_in_the_log(start: Start) -> None:
    worker = start(
        """
        class Predictor:
            def predict(self) -> str:
                return self.inner()
            def inner(self):
                raise ValueError("boom")
        """
    )
    done = worker.predict()
    assert (done.status, done.error, done.output) == ("failed", "ValueError: boom", None)
    log = worker.logs(stream="stderr").splitlines()
    assert log[0] == "Traceback (most recent call last):"
    assert "predict.py" in log[1]
    assert log[-1] == "ValueError: boom"
    assert "cog/worker" not in worker.logs()


def test_sys_exit_ends_only_the_prediction(start: Start) -> None:
    worker = start(
        """
        import sys
        class Predictor:
            def predict(self, leave: bool) -> str:
                if leave:
                    sys.exit(4)
                return "still here"
        """
    )
    assert worker.predict("1", leave=True).error == "SystemExit: 4"
    assert worker.predict("2", leave=False).output == "still here"


def test_an_output_without_json_form_fails_the_prediction_and_says_where(start: Start) -> None:
    worker = start(
        """
        class Predictor:
            def predict(self):
                return {"items": [1, object()]}
        """
    )
    done = worker.predict()
    assert done.error == (
        "TypeError: Object of type object is not JSON serializable (at output.items[1])"
    )


def test_an_output_too_long_for_json_numbers_fails_only_its_prediction(start: Start) -> None:
    worker = start(
        """
        class Predictor:
            def predict(self, digits: int):
                return 10 ** digits
        """
    )
    done = worker.predict("1", digits=5000)
    assert (done.status, done.output) == ("failed", None)
    assert done.error.startswith("ValueError: ")
    assert worker.predict("2", digits=2).output == 100


def test_missing_and_unknown_inputs_are_told_as_python_tells_them(start: Start) -> None:
    worker = start("def f(text: str) -> str:\n    return text\n", ref="predict.py:f")
    assert "missing 1 required positional argument: 'text'" in worker.predict("1").error
    assert "unexpected keyword argument 'zzz'" in worker.predict("2", text="a", zzz=1).error


def test_mutable_defaults_are_not_shared(start: Start) -> None:
    worker = start(
        """
        from cog import Input
        class Predictor:
            def predict(self, a: list = [], b: list[int] = Input(default=[1])) -> int:
                a.append(1)
                b.append(2)
                return len(a) * 10 + len(b)
        """
    )
    assert [worker.predict(str(n)).output for n in range(2)] == [12, 12]


def test_context_and_metrics_reach_the_handler_and_the_server(start: Start) -> None:
    worker = start(
        """
        from cog import current_scope, BasePredictor
        class Predictor(BasePredictor):
            def predict(self) -> str:
                scope = current_scope()
                scope.metrics["tokens"] = 3
                scope.record_metric("time.load", 1.5)
                self.record_metric("tokens", 2, mode="incr")
                self.scope.metrics.record("gone", 1)
                del scope.metrics["gone"]
                return self.scope.context["region"]
        """
    )
    worker.start(context={"region": "eu"})
    done = worker.done()
    assert done.output == "eu"
    assert done.metrics == {"tokens": 5, "time": {"load": 1.5}}
    sent = [each for each in worker.messages if isinstance(each, wire.Metric)]
    assert [(each.name, each.value, each.mode) for each in sent] == [
        ("tokens", 3, "replace"),
        ("time.load", 1.5, "replace"),
        ("tokens", 2, "increment"),
        ("gone", 1, "replace"),
        ("gone", None, "delete"),
    ]


def test_a_bad_metric_is_an_error_in_the_handler(start: Start) -> None:
    worker = start(
        """
        from cog import current_scope
        class Predictor:
            def predict(self) -> str:
                current_scope().record_metric("1st", 1)
                return "unreached"
        """
    )
    assert worker.predict().error == "ValueError: metric name '1st' must start with a letter"


def test_context_variables_do_not_leak_into_the_next_prediction(start: Start) -> None:
    worker = start(
        """
        from contextvars import ContextVar
        seen = ContextVar("seen", default=0)
        class Predictor:
            def predict(self) -> int:
                seen.set(seen.get() + 1)
                return seen.get()
        """
    )
    assert [worker.predict(str(n)).output for n in range(2)] == [1, 1]


def test_files_in_and_out(start: Start) -> None:
    worker = start(
        """
        from cog import BasePredictor, Path
        class Predictor(BasePredictor):
            def predict(self, image: Path) -> Path:
                out = Path("out.txt")
                out.write_text(image.name + " " + image.read_text())
                return out
        """
    )
    done = worker.predict(image="data:text/plain;base64,aGVsbG8=")
    assert wire.is_file_value(done.output)
    assert isinstance(done.output, dict)
    path = Path(done.output["__file__"])
    assert path.read_text() == "file.txt hello"
    assert path.is_relative_to(worker.project / ".predictions" / "p")
    assert done.output["name"] == "out.txt"


def test_the_worker_says_whether_it_has_put_files_into_the_folder(start: Start) -> None:
    worker = start(
        """
        from cog import Path
        def f(s: str, image: Path = "data:,x", out: bool = False):
            Path("o").write_text("x")
            return Path("o") if out else s
        """,
        ref="predict.py:f",
    )
    assert worker.predict("default", s="a").folder_used
    assert not worker.predict("plain", s="a", image=None).folder_used
    assert worker.predict("output", s="a", image=None, out=True).folder_used


def test_a_file_that_is_overwritten_while_streaming_is_sent_as_it_was(start: Start) -> None:
    worker = start(
        """
        from cog import Path
        class Predictor:
            def predict(self):
                for n in range(3):
                    Path("out.txt").write_text(str(n))
                    yield Path("out.txt")
        """
    )
    worker.predict()
    files = [item["__file__"] for item in worker.outputs() if isinstance(item, dict)]
    assert [Path(file).read_text() for file in files] == ["0", "1", "2"]


def test_a_users_dict_cannot_smuggle_a_file_in_or_out(start: Start) -> None:
    worker = start("def f(x: dict) -> dict:\n    return x\n", ref="predict.py:f")
    done = worker.predict(x={"__file__": "/etc/passwd"})
    assert not wire.is_file_value(done.output)
    assert wire.unescape(done.output, lambda _file: "a file") == {"__file__": "/etc/passwd"}


def test_a_server_path_is_given_as_it_is(start: Start, tmp_path: Path) -> None:
    worker = start(
        """
        from cog import Path
        class Predictor:
            def predict(self, image: Path) -> str:
                return f"{type(image).__name__} {image.read_text()}"
        """
    )
    worker.ready()
    (tmp_path / "in.txt").write_text("hi")
    folder = tmp_path / "p"
    folder.mkdir()
    worker.send(
        wire.Predict(
            id="p",
            input={"image": wire.file_value(str(tmp_path / "in.txt"))},
            dir=str(folder),
        )
    )
    assert worker.done().output == "Path hi"


def test_text_in_place_of_a_file_is_refused_by_name(start: Start) -> None:
    worker = start(
        """
        from cog import Path
        class Predictor:
            def predict(self, image: Path) -> str:
                return image.read_text()
        """
    )
    done = worker.predict(image="/etc/passwd")
    assert done.error == ("input 'image': expected an http(s) or data URL, got '/etc/passwd'")
    assert worker.logs() == ""


def test_nothing_follows_the_end_of_a_prediction(start: Start) -> None:
    worker = start(
        """
        import threading, time
        class Predictor:
            def predict(self) -> str:
                def later():
                    time.sleep(0.05)
                    print("late")
                threading.Thread(target=later).start()
                return "done"
        """
    )
    worker.predict()
    worker.wait_log("late", None)
    assert worker.logs() == ""


def test_an_id_that_is_used_twice_at_once_breaks_the_protocol(start: Start) -> None:
    worker = start("import time\ndef f():\n    time.sleep(60)\n", ref="predict.py:f")
    worker.ready()
    worker.start()
    worker.start()
    assert worker.wait_exit() == 2
    worker.drain()
    assert "is running already" in worker.logs(None)


def test_shutdown_of_an_idle_worker_runs_exit_handlers(start: Start) -> None:
    worker = start(
        """
        import atexit, pathlib
        class Predictor:
            def setup(self):
                atexit.register(pathlib.Path("bye").touch)
            def predict(self): ...
        """
    )
    worker.ready()
    worker.send(wire.Shutdown())
    assert worker.wait_exit() == 0
    assert (worker.project / "bye").exists()


def test_shutdown_does_not_wait_for_a_prediction(start: Start) -> None:
    worker = start("import time\ndef f():\n    print('in')\n    time.sleep(60)\n",
                   ref="predict.py:f")  # fmt: skip
    worker.start()
    worker.wait_log("in")
    worker.send(wire.Shutdown())
    assert worker.wait_exit() == 0


def test_the_worker_ends_with_its_server_whatever_the_handler_does(start: Start) -> None:
    worker = start("def f():\n    print('in')\n    while True: pass\n", ref="predict.py:f")
    worker.start()
    worker.wait_log("in")
    worker.socket.close()
    assert worker.wait_exit() == -signal.SIGKILL


def test_the_worker_ends_with_its_server_during_setup(start: Start) -> None:
    worker = start("import time\nprint('in')\ntime.sleep(60)\n")
    worker.wait_log("in", None)
    worker.socket.close()
    assert worker.wait_exit() == -signal.SIGKILL


def test_what_the_model_has_started_ends_with_the_server_too(start: Start) -> None:
    worker = start(
        """
        import subprocess
        def f():
            pipe = subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=-1).stdout
            print("started", pipe.readline().decode().strip())
            while True: pass
        """,
        ref="predict.py:f",
    )
    worker.start()
    worker.wait_log("started")
    grandchild = int(worker.logs().split()[1])
    worker.socket.close()
    assert worker.wait_exit() == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while _is_running(grandchild):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_signals_meant_for_the_server_do_not_end_the_worker(start: Start) -> None:
    worker = start("def f() -> int:\n    return 1\n", ref="predict.py:f")
    worker.ready()
    worker.process.send_signal(signal.SIGTERM)
    worker.process.send_signal(signal.SIGINT)
    assert worker.predict().output == 1


def test_programs_that_the_handler_starts_can_be_terminated(start: Start) -> None:
    worker = start(
        """
        import multiprocessing, subprocess, time
        class Predictor:
            def predict(self) -> list:
                program = subprocess.Popen(["sleep", "60"])
                program.terminate()
                fork = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
                fork.start()
                fork.terminate()
                fork.join()
                return [program.wait(), fork.exitcode]
        """
    )
    assert worker.predict().output == [-15, -15]


def test_a_decorator_may_make_a_plain_function_of_an_async_one(start: Start) -> None:
    worker = start(
        """
        import asyncio, functools
        def in_own_loop(fn):
            @functools.wraps(fn)
            def wrapper(*args, **kwargs):
                return asyncio.run(fn(*args, **kwargs))
            return wrapper
        @in_own_loop
        async def f(n: int) -> int:
            await asyncio.sleep(0)
            return n + 1
        """,
        ref="predict.py:f",
    )
    assert not worker.ready().is_async
    assert worker.predict(n=1).output == 2


def test_a_decorator_that_hides_an_async_handler_does_not_break_it(start: Start) -> None:
    worker = start(
        """
        import functools
        def timed(fn):
            @functools.wraps(fn)
            def wrapper(*args, **kwargs):
                return fn(*args, **kwargs)
            return wrapper
        class Predictor:
            @timed
            async def predict(self, n: int):
                return n + 1
        """,
    )
    assert worker.predict("1", n=1).output == 2
    hidden = start("async def items():\n    yield 1\nf = lambda: items()\n", ref="predict.py:f")
    assert hidden.predict().error.startswith("TypeError: the handler gave an async generator")
