"""The server in its container: what goes wrong in a predictor costs one prediction."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from integration.conftest import Workplace
from integration.frontend_images import run_docker
from integration.model import Model, running, wait_for_health

CONFIG = "build:\n  python_version: '3.12'\npredict: predict.py:Predictor\n"
PREDICT = """\
import ctypes
import os
import signal
import subprocess
import sys
from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def setup(self) -> None:
        print("setting up")
        if os.environ.get("BREAK") == "setup":
            raise RuntimeError("no weights")
        self.count = 0

    def predict(
        self, act: str = Input(choices=["ok", "raise", "exit", "kill", "crash", "print"])
    ) -> str:
        self.count += 1
        if act == "raise":
            raise ValueError("bad day")
        if act == "exit":
            sys.exit(4)
        if act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if act == "crash":
            ctypes.string_at(0)
        if act == "print":
            print("from python")
            subprocess.run(["echo", "from a subprocess"])
            ctypes.CDLL(None).puts(b"from C")
            ctypes.CDLL(None).fflush(None)
        return f"{act} {self.count}"
"""


@pytest.fixture(scope="module")
def image(one_place: Workplace) -> str:
    return one_place.image(one_place.project({"cog.yaml": CONFIG, "predict.py": PREDICT}))


@pytest.fixture
def model(one_place: Workplace, image: str) -> Iterator[Model]:
    with one_place.serve(image) as model:
        yield model


def test_an_exception_fails_one_prediction(model: Model) -> None:
    answer = model.predict(act="raise")
    assert answer["status"] == "failed"
    assert "ValueError: bad day" in answer["error"]
    assert "Traceback" in answer["logs"]
    assert model.predict(act="exit")["status"] == "failed"
    assert model.predict(act="ok")["output"] == "ok 3"


@pytest.mark.parametrize(("act", "named"), [("kill", "SIGKILL"), ("crash", "SIGSEGV")])
def test_a_dead_worker_costs_its_prediction_and_comes_back(
    model: Model, act: str, named: str
) -> None:
    answer = model.predict(act=act)
    assert answer["status"] == "failed"
    assert named in answer["error"]
    wait_for_health(model)
    assert model.predict(act="ok")["output"] == "ok 1"


def test_everything_a_prediction_prints_is_in_its_logs(model: Model) -> None:
    logs = model.predict(act="print")["logs"]
    assert {"from python", "from a subprocess", "from C"} <= set(logs.splitlines())
    assert model.predict(act="ok")["logs"] == ""


def test_a_failed_setup_is_told_and_the_server_stays(one_place: Workplace, image: str) -> None:
    with running(one_place.engine, image, {"BREAK": "setup"}) as model:
        health = wait_for_health(model, "SETUP_FAILED")
        assert health["setup"]["status"] == "failed"
        assert "RuntimeError: no weights" in health["setup"]["logs"]
        assert "setting up" in health["setup"]["logs"]
        answer = model.post("/predictions", {"input": {"act": "ok"}})
        assert answer.status_code == 503


def test_shutdown_ends_the_container_with_zero(model: Model) -> None:
    assert model.post("/shutdown").status_code == 200
    assert run_docker(model.engine, "wait", model.container) == "0"


def test_stop_is_prompt_and_clean(model: Model) -> None:
    begun = time.monotonic()
    run_docker(model.engine, "stop", "--time", "60", model.container)
    assert time.monotonic() - begun < 50  # within docker's own grace, not by its kill
    state = run_docker(
        model.engine,
        "inspect",
        "--format",
        "{{.State.ExitCode}} {{.State.OOMKilled}}",
        model.container,
    )
    assert state == "0 false"


def test_only_the_server_and_its_worker_run(model: Model) -> None:
    rows = run_docker(model.engine, "top", model.container, "-eo", "pid,args").splitlines()[1:]
    commands = [row.split(maxsplit=1)[1] for row in rows]
    assert len(commands) == 3, commands
    assert commands[0].startswith("/opt/cog/bin/tini -- /opt/venv/bin/python -I -S")
