"""Several workers, stubborn and stuck ones, and the end of the server, with real processes."""

from __future__ import annotations

import gzip
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from tests.server.test_end_to_end import Running, alive, make_project
from tests.waiting import until

MODEL = """
import os, signal, time
from cog import BasePredictor, Input

devices = os.environ.get("CUDA_VISIBLE_DEVICES")  # before any import of the model's

class Predictor(BasePredictor):
    def setup(self):
        self.name = f"{os.getpid()}@{devices}"

    def predict(self, s: str, mode: str = Input(default="ok"), n: int = 3) -> str:
        if mode == "stubborn":
            while True:
                try:
                    time.sleep(60)
                except BaseException:
                    pass
        if mode == "gil":
            sum(range(10**13))  # for ages, in C, with Python's lock
        if mode == "sleep":
            time.sleep(n / 10)
        if mode == "crash":
            while not os.path.exists("go"):
                time.sleep(0.01)
            os.remove("go")
            os.kill(os.getpid(), signal.SIGSEGV)
        return self.name
"""

Start = Callable[..., Running]


@pytest.fixture(name="start")
def _start(tmp_path: Path) -> Iterator[Start]:
    project = make_project(tmp_path)
    (project / "predict.py").write_text(MODEL)
    started: list[Running] = []

    def start(*flags: str, **env: str) -> Running:
        started.append(Running(project, list(flags), env))
        started[-1].wait("READY")
        return started[-1]

    yield start
    for server in started:
        server.end()


def at_once(server: Running, count: int, **given: object) -> list[dict[str, Any]]:
    """Ask for several predictions at a time and return what became of them."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: server.predict(**given), range(count)))


def cancel_after(server: Running, seconds: float, **given: object) -> None:
    """Ask for a prediction and leave."""
    url = f"{server.client.base_url}/predictions"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json={"input": given}, timeout=seconds)


def test_each_worker_has_its_own_devices_and_all_work_at_once(start: Start) -> None:
    server = start("--workers", "auto", CUDA_VISIBLE_DEVICES="4,7")

    def all_up() -> bool:
        names = {str(one["output"]) for one in at_once(server, 2, s="x", mode="sleep")}
        return {name.partition("@")[2] for name in names} == {"4", "7"}

    until(all_up, "two workers, one device each")
    assert server.log.count("is ready, 1 predictions at once") == 2


def test_one_worker_dies_and_the_other_goes_on(start: Start) -> None:
    server = start(COG_WORKERS="2")

    def pids() -> set[int]:
        return {
            int(one["output"].partition("@")[0]) for one in at_once(server, 2, s="x", mode="sleep")
        }

    until(lambda: len(pids()) == 2, "two workers")
    victim, survivor = sorted(pids())
    os.kill(victim, signal.SIGKILL)
    until(lambda: "was killed by SIGKILL" in server.log, "its end is noticed")
    outputs = [server.predict(s="x")["output"] for _ in range(5)]
    assert str(survivor) in {output.partition("@")[0] for output in outputs}
    until(lambda: len(pids()) == 2 and victim not in pids(), "another in its place")
    assert survivor in pids()


CRASH = "The worker died 2 times in a row. The worker was killed by SIGSEGV"


def told(server: Running, figure: str) -> Callable[[], bool]:
    return lambda: figure in server.client.get("/metrics").text


def test_a_model_that_keeps_dying_makes_the_server_defunct(start: Start) -> None:
    server = start(COG_RESTART_LIMIT="1")
    go = server.project / "go"
    go.touch()
    assert server.predict(s="x", mode="crash")["status"] == "failed"
    server.wait("READY")
    with ThreadPoolExecutor(2) as pool:
        crashing = pool.submit(server.predict, s="x", mode="crash")
        server.wait("BUSY")
        waiting = pool.submit(server.predict, s="x")
        until(told(server, 'cog_queue_depth{priority="3"} 1.0'), "one waits")
        go.touch()
        assert crashing.result()["error"].startswith("Worker crashed: it was killed by SIGSEGV")
        assert waiting.result()["status"] == "failed"
        assert CRASH in waiting.result()["error"]

    server.wait("DEFUNCT")
    assert CRASH in server.client.get("/health-check").json()["error"]
    for path in ("/livez", "/readyz"):
        answer = server.client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (503, "DEFUNCT")
        assert CRASH in answer.json()["error"]
    for method, path in (("POST", "/predictions"), ("PUT", "/predictions/mine")):
        refused = server.client.request(method, path, json={"input": {"s": "x"}})
        assert refused.status_code == 503
        assert CRASH in refused.json()["detail"]
    figures = server.client.get("/metrics").text
    assert 'cog_workers{state="defunct"} 1.0' in figures
    assert 'cog_queue_rejections_total{reason="not_ready"} 2.0' in figures

    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0


def test_where_one_of_two_workers_is_given_up_the_other_serves(start: Start) -> None:
    server = start(COG_WORKERS="2", COG_RESTART_LIMIT="0")
    until(told(server, 'cog_workers{state="ready"} 2.0'), "two workers")
    (server.project / "go").touch()
    server.predict(s="x", mode="crash")
    until(told(server, 'cog_workers{state="defunct"} 1.0'), "one is given up")
    health = server.client.get("/health-check").json()
    assert health["status"] == "READY"
    assert "worker-" in health["error"]
    assert "The worker was killed by SIGSEGV" in health["error"]
    assert server.client.get("/livez").status_code == 200
    assert server.client.get("/readyz").status_code == 200
    assert all(one["status"] == "succeeded" for one in at_once(server, 4, s="x"))


def test_a_handler_that_ignores_its_cancelation_is_replaced(start: Start) -> None:
    server = start(COG_CANCEL_GRACE="0.3")
    before = server.predict(s="x")["output"]
    cancel_after(server, 0.3, s="x", mode="stubborn")
    after = server.predict(s="x")["output"]
    assert after != before
    assert "did not stop" in server.log


@pytest.mark.parametrize("mode", ["stubborn", "gil"])
def test_a_run_timeout_ends_what_does_not_stop(start: Start, mode: str) -> None:
    server = start(COG_RUN_TIMEOUT="0.3", COG_CANCEL_GRACE="0.3")
    shown = server.predict(s="x", mode=mode)
    assert shown["status"] == "failed"
    assert shown["error"] == "The prediction timed out: it ran longer than 0.3 seconds"
    assert server.predict(s="x")["status"] == "succeeded"


def test_no_worker_outlives_a_killed_server_even_with_pythons_lock_held(start: Start) -> None:
    server = start()
    pid = int(server.predict(s="x")["output"].partition("@")[0])
    cancel_after(server, 0.3, s="x", mode="gil")
    server.process.kill()
    server.process.wait()
    until(lambda: not alive(pid), "the worker is gone", 5)


def test_what_waits_at_the_end_is_finished_too(start: Start) -> None:
    server = start()
    waiting = [server.in_background(s="x", mode="sleep") for _ in range(3)]
    time.sleep(0.2)
    server.process.send_signal(signal.SIGTERM)
    for thread, answers in waiting:
        thread.join()
        assert answers[0]["status"] == "succeeded"
    assert server.process.wait(10) == 0


def test_with_a_drain_delay_new_requests_are_taken_for_a_while(start: Start) -> None:
    server = start(COG_DRAIN_DELAY="1")
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.client.get("/readyz").status_code == 503, "not ready", 0.9)
    assert server.predict(s="x")["status"] == "succeeded"
    assert server.client.get("/livez").status_code == 200
    assert server.process.wait(10) == 0


def test_a_second_signal_cuts_the_delay_short(start: Start) -> None:
    server = start(COG_DRAIN_DELAY="600")
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.client.get("/readyz").status_code == 503, "not ready")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0


class Collector(BaseHTTPRequestHandler):
    """What OpenTelemetry sends spans to."""

    received: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        coding = self.headers.get("content-encoding")
        self.received.append(gzip.decompress(body) if coding == "gzip" else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        del format, args


def test_traces_go_to_the_collector_before_the_server_is_gone(start: Start) -> None:
    collector = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever).start()
    try:
        port = collector.server_address[1]
        server = start(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
        shown = server.predict(s="x")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
    finally:
        collector.shutdown()
        collector.server_close()
    spans = b"".join(Collector.received)
    assert shown["id"].encode() in spans
    assert all(name in spans for name in (b"prediction", b"queue", b"run"))


def test_where_traces_cannot_be_sent_the_server_says_so(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    server = Running(project, [], env)
    assert server.process.wait(20) == 1
    assert server.log == (
        "cog: OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc': traces are sent as http/protobuf only\n"
    )
    server.end()
