from __future__ import annotations

from pathlib import Path

import pytest

from cog import wire
from tests.fakes.worker_driver import WorkerDriver
from tests.worker.conftest import Start


def failure(worker: WorkerDriver) -> wire.SetupFailed:
    failed = worker.wait(wire.SetupFailed)
    assert worker.wait_exit() == 1
    return failed


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("raise RuntimeError('setup boom')", "RuntimeError: setup boom"),
        ("raise SystemExit(5)", "SystemExit: 5"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_failed_setup_is_told_with_its_logs(start: Start, statement: str, error: str) -> None:
    worker = start(
        f"""
        class Predictor:
            def setup(self):
                print("loading")
                {statement}
            def predict(self): ...
        """
    )
    failed = failure(worker)
    assert failed.error == error
    assert failed.traceback.startswith("Traceback (most recent call last):\n")
    assert "predict.py" in failed.traceback.splitlines()[1]
    assert worker.logs(None) == f"loading\n{failed.traceback}"


def test_a_syntax_error_is_shown_with_its_line(start: Start) -> None:
    failed = failure(start("def f(:\n    pass\n"))
    assert failed.error.startswith("SyntaxError: ")
    assert 'predict.py", line 1\n    def f(:\n' in failed.traceback


def test_a_class_that_cannot_be_made_is_a_failed_setup(start: Start) -> None:
    failed = failure(
        start("class Predictor:\n    def __init__(self): 1 / 0\n    def predict(self): ...\n")
    )
    assert failed.error == "ZeroDivisionError: division by zero"


def test_a_reference_that_leads_nowhere_needs_no_traceback(start: Start) -> None:
    worker = start("class Predicter: ...")
    failed = failure(worker)
    assert failed.error == "predict.py has no 'Predictor' (did you mean 'Predicter'?)"
    assert failed.traceback == ""
    assert worker.logs(None) == f"{failed.error}\n"


def test_a_sync_handler_cannot_run_several_at_once(start: Start) -> None:
    worker = start("def f(): ...", "--concurrency", "2", ref="predict.py:f")
    assert failure(worker).error == (
        "COG_MAX_CONCURRENCY > 1 requires an async run() or predict() method"
    )


def test_a_reference_without_a_name_finds_the_usual_one(start: Start) -> None:
    worker = start(
        "class Predictor:\n    def predict(self) -> str:\n        return 'found'\n",
        ref="predict.py",
    )
    assert worker.predict().output == "found"


def test_the_train_mode_serves_train(start: Start) -> None:
    worker = start(
        """
        class Trainer:
            def train(self) -> str:
                return "trained"
            def predict(self) -> str:
                return "predicted"
        """,
        "--mode",
        "train",
        ref="predict.py:Trainer",
    )
    assert worker.predict().output == "trained"


def test_a_method_may_come_from_a_base_class_of_the_project(start: Start, project: Path) -> None:
    (project / "base.py").write_text(
        "from cog import BasePredictor\n"
        "class Base(BasePredictor):\n"
        "    def predict(self, s: str) -> str:\n"
        "        return self.prefix + s\n"
    )
    worker = start("from base import Base\nclass Predictor(Base):\n    prefix = '> '\n")
    assert worker.predict(s="x").output == "> x"


def test_exit_handlers_run_after_a_failed_setup_but_not_for_ever(start: Start) -> None:
    worker = start(
        """
        import atexit, pathlib, threading, time
        def leave():
            pathlib.Path("bye").touch()
            print("leaving")
        atexit.register(leave)
        class Predictor:
            def setup(self):
                raise ValueError("no")
            def predict(self): ...
        """
    )
    assert failure(worker).error == "ValueError: no"
    assert (worker.project / "bye").exists()
    worker.drain()
    assert worker.logs(None).endswith("leaving\n")


def test_a_thread_that_never_ends_does_not_keep_the_worker(start: Start) -> None:
    worker = start(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
    )
    assert failure(worker).error.startswith("predict.py has no 'Predictor'")


@pytest.mark.parametrize(
    ("kind", "check", "error"),
    [
        ("", "def healthcheck(self): return True", ""),
        (
            "async ",
            "def healthcheck(self): return False",
            "user-defined healthcheck returned False",
        ),
        ("", "async def healthcheck(self): raise OSError('disk')", "OSError: disk"),
        ("async ", "async def healthcheck(self): return True", ""),
    ],
)
def test_the_models_healthcheck_answers(start: Start, kind: str, check: str, error: str) -> None:
    worker = start(f"class Predictor:\n    {check}\n    {kind}def predict(self): ...\n")
    assert worker.ready().has_healthcheck
    worker.send(wire.Healthcheck(nonce=7))
    assert worker.wait(wire.Health) == wire.Health(nonce=7, ok=not error, error=error)


def test_health_is_answered_while_the_handler_computes(start: Start) -> None:
    worker = start(
        """
        class Predictor:
            def healthcheck(self):
                print("checked")
                return True
            def predict(self):
                print("in")
                while True: pass
        """
    )
    worker.start()
    worker.wait_log("in")
    worker.send(wire.Healthcheck(nonce=1))
    assert worker.wait(wire.Health).ok
    assert worker.logs(None) == "checked\n"
    assert worker.logs("p") == "in\n"


def test_a_model_without_a_check_is_healthy(start: Start) -> None:
    worker = start("def f(): ...", ref="predict.py:f")
    assert not worker.ready().has_healthcheck
    worker.send(wire.Healthcheck(nonce=1))
    assert worker.wait(wire.Health) == wire.Health(nonce=1, ok=True)


def test_a_ping_is_answered_during_setup_and_while_the_handler_computes(start: Start) -> None:
    worker = start(
        """
        import pathlib, time
        class Predictor:
            def setup(self):
                print("setting up")
                while not pathlib.Path("go").exists(): pass
            def predict(self):
                print("in")
                while True: pass
        """
    )
    worker.wait_log("setting up", None)
    worker.send(wire.Ping(nonce=1))
    assert worker.wait(wire.Pong) == wire.Pong(nonce=1)
    (worker.project / "go").touch()
    worker.start()
    worker.wait_log("in")
    worker.send(wire.Ping(nonce=2))
    worker.wait(wire.Pong, lambda pong: pong.nonce == 2)
