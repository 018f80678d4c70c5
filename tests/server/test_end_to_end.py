"""A server that is really started, with a real worker, spoken to over TCP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.waiting import until

SERVER = Path(__file__).parents[2] / "server"

MODEL = """
import os, subprocess, sys, time
from cog import BasePredictor, Input, Path

class Predictor(BasePredictor):
    def setup(self):
        print("loading")
        with open("worker.pid.new", "w") as file:
            file.write(str(os.getpid()))
        os.rename("worker.pid.new", "worker.pid")
        exec(os.environ.get("SETUP", ""))

    def predict(self, s: str, mode: str = Input(default="ok"), n: int = 3) -> str:
        print("mode", mode)
        if mode == "raise":
            raise ValueError("boom " + s)
        if mode == "sleep":
            for _ in range(100 * n):
                time.sleep(0.01)
        if mode == "crash":
            os.kill(os.getpid(), n)
        if mode == "file":
            open("out.txt", "w").write(s)
            return Path("out.txt")
        if mode == "path":
            import importlib.util
            names = ["litestar", "granian", "helper"]
            return str([bool(importlib.util.find_spec(name)) for name in names])
        return "hello " + s

    def healthcheck(self):
        return not os.path.exists("sick")
"""

SCHEMA = {
    "components": {
        "schemas": {
            "Input": {
                "type": "object",
                "required": ["s"],
                "properties": {
                    "s": {"type": "string"},
                    "mode": {"type": "string", "default": "ok"},
                    "n": {"type": "integer", "default": 3},
                },
            }
        }
    }
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class Running:
    """A started server: a client for it, its process, its log so far."""

    def __init__(self, project: Path, flags: list[str], env: dict[str, str]) -> None:
        self.project = project
        port = free_port()
        known = ("PATH", "HOME", "LANG", "TMPDIR")
        self._log = project / "server.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cog.server.http", "--host", "127.0.0.1", *flags],
                cwd=project,
                env={
                    **{name: os.environ[name] for name in known if name in os.environ},
                    "PYTHONPATH": str(SERVER),
                    "COG_PREDICT_TYPE_STUB": "predict.py:Predictor",
                    "PORT": str(port),
                    **env,
                },
                stderr=log,
            )
        self.port = port
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def status(self) -> str | None:
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended: {self.log}")
        try:
            return str(self.client.get("/health-check").json()["status"])
        except httpx.TransportError:
            return None

    def wait(self, status: str) -> None:
        until(lambda: self.status() == status, status)

    def predict(self, **given: object) -> dict[str, Any]:
        answer = self.client.post("/predictions", json={"input": given})
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def worker_pid(self) -> int:
        return int((self.project / "worker.pid").read_text())

    def in_background(self, **given: object) -> tuple[threading.Thread, list[dict[str, Any]]]:
        """Predict in a thread; returns once the prediction runs, or ran while nobody looked."""
        answers: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: answers.append(self.predict(**given)))
        thread.start()
        with httpx.Client(base_url=self.client.base_url) as other:
            until(lambda: answers or other.get("/health-check").json()["status"] == "BUSY", "BUSY")
        return thread, answers

    def end(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()


Start = Callable[..., Running]


def make_project(folder: Path) -> Path:
    (folder / "predict.py").write_text(MODEL)
    (folder / ".cog").mkdir()
    (folder / ".cog" / "openapi_schema.json").write_text(json.dumps(SCHEMA))
    return folder


@pytest.fixture(name="start")
def _start(tmp_path: Path) -> Iterator[Start]:
    project = make_project(tmp_path)
    started: list[Running] = []

    def start(*flags: str, **env: str) -> Running:
        started.append(Running(project, list(flags), env))
        return started[-1]

    yield start
    for server in started:
        server.end()


@pytest.fixture(name="shared", scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server for tests that leave it as it was."""
    server = Running(make_project(tmp_path_factory.mktemp("project")), [], {})
    server.wait("READY")
    yield server
    server.end()


def test_predictions_and_health(shared: Running) -> None:
    server = shared
    health = server.client.get("/health-check").json()
    assert health["setup"]["logs"] == "loading\n"
    assert health["setup"]["status"] == "succeeded"
    assert health["version"]["python"] == ".".join(map(str, sys.version_info[:3]))

    shown = server.predict(s="x", unknown=1)
    assert (shown["output"], shown["logs"]) == ("hello x", "mode ok\n")
    assert "Unknown inputs are ignored: unknown" in server.log
    assert f'"message": "mode ok", "prediction_id": "{shown["id"]}"' in server.log

    shown = server.predict(s="x", mode="raise")
    assert shown["error"] == "Prediction failed: ValueError: boom x"
    assert shown["logs"].startswith("mode raise\nTraceback")

    assert server.predict(s="x", mode="file")["output"] == "data:text/plain;base64,eA=="
    big = "x" * 20_000_000
    assert server.predict(s=big)["output"] == f"hello {big}"

    invalid = server.client.post("/predictions", json={"input": {"n": "3"}})
    assert invalid.status_code == 422


def test_the_port_answers_while_setup_runs(start: Start) -> None:
    server = start(SETUP="time.sleep(60)")
    server.wait("STARTING")
    assert server.client.post("/predictions", json={}).status_code == 503
    until((server.project / "worker.pid").exists, "setup has begun")

    before = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0
    assert time.monotonic() - before < 5
    until(lambda: not alive(server.worker_pid()), "the worker is gone")


@pytest.mark.parametrize(
    ("env", "trouble"),
    [
        ({"SETUP": "raise RuntimeError('setup boom')"}, "Setup failed: RuntimeError: setup boom"),
        ({"SETUP": "os._exit(3)"}, "The worker exited with code 3 during setup"),
        (
            {"SETUP": "time.sleep(60)", "COG_SETUP_TIMEOUT": "0.5"},
            "worker setup timed out after 0.5 seconds",
        ),
        ({"COG_PREDICT_TYPE_STUB": "gone.py:Predictor"}, "gone.py"),
    ],
)
def test_a_failed_setup_is_told_and_the_server_stays_up(
    env: dict[str, str], trouble: str, start: Start
) -> None:
    server = start(**env)
    server.wait("SETUP_FAILED")

    health = server.client.get("/health-check").json()
    assert trouble in health["error"]
    assert trouble in health["setup"]["logs"]
    refused = server.client.post("/predictions", json={"input": {"s": "x"}})
    assert refused.status_code == 503
    assert trouble in refused.json()["detail"]


def test_a_crash_costs_one_prediction(shared: Running) -> None:
    server = shared

    with httpx.Client(base_url=server.client.base_url, timeout=30) as other:
        waiting: list[dict[str, Any]] = []
        first, crashed = server.in_background(s="x", mode="sleep", n=1)
        body = {"input": {"s": "waited"}}
        second = threading.Thread(
            target=lambda: waiting.append(other.post("/predictions", json=body).json())
        )
        second.start()
        time.sleep(0.1)
        os.kill(server.worker_pid(), signal.SIGKILL)
        first.join()
        second.join()

    assert crashed[0]["status"] == "failed"
    # In brackets: what the kernel says of memory, where it says anything.
    assert crashed[0]["error"].partition(" (")[0] == "Worker crashed: it was killed by SIGKILL"
    assert crashed[0]["logs"] == "mode sleep\n"
    assert waiting[0]["output"] == "hello waited"
    shown = server.predict(s="x", mode="crash", n=11)
    assert shown["error"] == "Worker crashed: it was killed by SIGSEGV (a crash in native code)"
    assert server.predict(s="y")["output"] == "hello y"


def test_a_client_that_leaves_cancels_its_prediction(shared: Running) -> None:
    server = shared
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"http://127.0.0.1:{server.port}/predictions",
            json={"input": {"s": "x", "mode": "sleep", "n": 60}},
            timeout=0.5,
        )
    server.wait("READY")
    assert server.predict(s="x")["output"] == "hello x"


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "POST /shutdown"])
def test_what_runs_may_end_and_nothing_more_is_accepted(how: str, start: Start) -> None:
    server = start()
    server.wait("READY")
    thread, answers = server.in_background(s="x", mode="sleep", n=1)

    with httpx.Client(base_url=server.client.base_url) as other:
        if how == "POST /shutdown":
            assert other.post("/shutdown").json() == {}
        else:
            server.process.send_signal(signal.Signals[how])

    def refused() -> bool:
        try:
            socket.create_connection(("127.0.0.1", server.port)).close()
        except ConnectionRefusedError:
            return True
        return False

    until(refused, "no new connections", 0.7)
    thread.join()
    assert answers[0]["output"] == "hello x"
    assert server.process.wait(10) == 0
    assert not alive(server.worker_pid())
    assert '"level": "error"' not in server.log


def test_the_grace_of_running_predictions_can_be_limited(start: Start) -> None:
    server = start(COG_DRAIN_TIMEOUT="0.2")
    server.wait("READY")
    thread, answers = server.in_background(s="x", mode="sleep", n=60)
    server.process.send_signal(signal.SIGTERM)
    thread.join()
    assert answers[0]["error"] == "The server shut down before the prediction ended"
    assert server.process.wait(10) == 0


def test_a_second_signal_ends_the_wait(start: Start) -> None:
    server = start()
    server.wait("READY")
    thread, answers = server.in_background(s="x", mode="sleep", n=60)
    server.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    server.process.send_signal(signal.SIGINT)
    thread.join()
    assert answers[0]["status"] == "failed"
    assert server.process.wait(10) == 0


def test_idle_and_stalled_connections_do_not_hold_up_the_end(start: Start) -> None:
    server = start()
    server.wait("READY")
    with socket.create_connection(("127.0.0.1", server.port)) as stalled:
        stalled.sendall(b"POST /predictions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0


def test_many_idle_connections_do_not_shut_out_others(shared: Running) -> None:
    server = shared
    address = ("127.0.0.1", server.port)
    idle = [socket.create_connection(address) for _ in range(1200)]
    try:
        answer = httpx.get(f"http://127.0.0.1:{server.port}/health-check", timeout=5)
        assert answer.json()["status"] == "READY"
    finally:
        for connection in idle:
            connection.close()


def test_with_explicit_shutdown_sigterm_is_ignored(start: Start) -> None:
    server = start("--await-explicit-shutdown=true")
    server.wait("READY")
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert server.predict(s="x")["output"] == "hello x"
    server.client.post("/shutdown")
    assert server.process.wait(10) == 0


@pytest.mark.parametrize("busy", [True, False])
def test_no_worker_outlives_a_killed_server(start: Start, *, busy: bool) -> None:
    server = start()
    server.wait("READY")
    pid = server.worker_pid()
    if busy:
        with httpx.Client(base_url=server.client.base_url) as other:
            body = {"input": {"s": "x", "mode": "sleep", "n": 60}}
            with pytest.raises(httpx.ReadTimeout):
                other.post("/predictions", json=body, timeout=0.3)
    server.process.kill()
    server.process.wait()
    until(lambda: not alive(pid), "the worker is gone", 5)


def test_the_users_healthcheck_is_asked(shared: Running) -> None:
    server = shared
    (server.project / "sick").touch()
    health = server.client.get("/health-check").json()
    assert health["status"] == "UNHEALTHY"
    assert health["user_healthcheck_error"] == (
        "Healthcheck failed: user-defined healthcheck returned False"
    )
    (server.project / "sick").unlink()


def test_a_port_in_use_is_one_line(shared: Running, start: Start) -> None:
    server = shared
    second = start(PORT=str(server.port))
    assert second.process.wait(10) == 1
    assert second.log == (
        f"cog: cannot listen on 127.0.0.1, port {server.port}: Address already in use\n"
    )


def test_a_missing_ref_is_one_line(start: Start) -> None:
    server = start(COG_PREDICT_TYPE_STUB="")
    assert server.process.wait(10) == 1
    assert server.log.startswith("cog: COG_PREDICT_TYPE_STUB is not set")
    assert server.log.count("\n") == 1


def test_a_broken_schema_is_one_line(start: Start, tmp_path: Path) -> None:
    (tmp_path / ".cog" / "openapi_schema.json").write_text("{")
    server = start()
    assert server.process.wait(10) == 1
    assert server.log.startswith("cog: .cog/openapi_schema.json cannot be read: ")
    assert server.log.count("\n") == 1
