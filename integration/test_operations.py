"""The server among the programs that operate it: nginx in front, Prometheus watching."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from integration.conftest import Workplace
from integration.frontend_images import run_docker
from integration.model import running, wait_for_health
from integration.programs import program
from integration.served import Served, free_port
from tests.waiting import until

MODEL = """
import time

class Predictor:
    def predict(self, s: str) -> str:
        time.sleep(0.05)
        return "hello " + s
"""

CAPACITY = 2 / 0.05  # predictions a second of two servers
RATE = 0.8 * CAPACITY

NGINX = """
daemon off; worker_processes 1; pid nginx.pid; error_log error.log; master_process off;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp;
    uwsgi_temp_path temp; scgi_temp_path temp;
    upstream model {{
        {servers}
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_next_upstream error http_503 non_idempotent;
        }}
    }}
}}
"""


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    (tmp_path / "predict.py").write_text(MODEL)
    return tmp_path


@contextmanager
def two_servers(project: Path, **env: str) -> Iterator[list[Served]]:
    servers = [Served(project, free_port(), env) for _ in range(2)]
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.kill()


@contextmanager
def nginx(folder: Path, servers: list[Served]) -> Iterator[str]:
    """Run Debian's nginx in front of the servers and yield its URL."""
    found = program("nginx", "usr/sbin", "nginx", "libpcre2-8-0")
    port = free_port()
    # By default nginx leaves a server alone for ten seconds after a refused connection, which
    # outlasts our restarts.
    lines = "\n".join(f"server 127.0.0.1:{server.port} max_fails=0;" for server in servers)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(servers=lines, port=port))
    (folder / "temp").mkdir()
    process = subprocess.Popen(
        [found.path, "-e", folder / "error.log", "-p", folder, "-c", config], env=found.env
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: httpx.get(f"{url}/readyz").status_code == 200, "nginx answers")
        yield url
    finally:
        process.terminate()
        process.wait()


async def load(url: str, stop: asyncio.Event) -> list[str]:
    """Ask for `RATE` predictions a second, whatever the answers; return what became of them."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:

        async def ask() -> str:
            try:
                answer = await client.post("/predictions", json={"input": {"s": "x"}})
            except httpx.HTTPError as error:
                return repr(error)
            if answer.status_code != 200:
                return f"{answer.status_code} {answer.text}"
            return str(answer.json()["output"])

        asked = []
        while not stop.is_set():
            asked.append(asyncio.create_task(ask()))
            await asyncio.sleep(1 / RATE)
        return await asyncio.gather(*asked)


async def restart_one_by_one(servers: list[Served]) -> None:
    for server in servers:
        await asyncio.sleep(1)
        assert await asyncio.to_thread(server.stop) == 0
        await asyncio.to_thread(server.start)
    await asyncio.sleep(1)


@pytest.mark.parametrize("delay", ["0", "1"])
def test_a_rolling_restart_behind_nginx_fails_no_request(project: Path, delay: str) -> None:
    async def under_load(url: str, servers: list[Served]) -> list[str]:
        stop = asyncio.Event()
        loading = asyncio.create_task(load(url, stop))
        await restart_one_by_one(servers)
        await restart_one_by_one(servers)
        stop.set()
        return await loading

    with two_servers(project, COG_DRAIN_DELAY=delay) as servers, nginx(project, servers) as url:
        outcomes = asyncio.run(under_load(url, servers))
    assert len(outcomes) > RATE, "there was a load"
    assert set(outcomes) == {"hello x"}


def test_promtool_finds_nothing_to_complain_of(project: Path) -> None:
    promtool = program("promtool", "usr/bin", "prometheus")
    with two_servers(project, COG_QUEUE_CAPACITY="0") as (server, _):
        for _ in range(3):
            httpx.post(f"{server.url}/predictions", json={"input": {"s": "x"}})
        hook = {"webhook": f"{server.url}/nowhere", "webhook_events_filter": ["completed"]}
        httpx.post(f"{server.url}/predictions", json={"input": {"s": "x"}, **hook})
        counted = 'cog_webhook_failures_total{reason="no_answer"} 1.0'
        until(lambda: counted in httpx.get(f"{server.url}/metrics").text, "the webhook is counted")
        page = httpx.get(f"{server.url}/metrics")
        assert 'cog_predictions_total{status="succeeded"} 4.0' in page.text
        assert "cog_webhook_given_up_total 1.0" in page.text
        done = subprocess.run(
            [promtool.path, "check", "metrics", "--extended"],
            input=page.content,
            capture_output=True,
            env=promtool.env,
            check=False,
        )
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_availability_slowloris_headers_are_cut_off(project: Path) -> None:
    def drips(server: Served) -> float:
        """Send a byte of a header now and then; return the seconds until the server hangs up."""
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port), timeout=1) as client:
            client.sendall(b"POST /predictions HTTP/1.1\r\nx: ")
            while time.monotonic() - began < 120:
                try:
                    client.sendall(b"x")
                    if client.recv(1000) == b"":
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
        return time.monotonic() - began

    with two_servers(project) as (server, _), ThreadPoolExecutor(50) as pool:
        dripping = [pool.submit(drips, server) for _ in range(50)]
        answer = httpx.post(f"{server.url}/predictions", json={"input": {"s": "x"}})
        assert answer.json()["output"] == "hello x"
        assert max(one.result() for one in dripping) < 120
        assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_availability_slowloris_reading_of_a_large_answer_is_cut_off(project: Path) -> None:
    size = 30_000_000
    body = b'{"input": {"s": "%s"}}' % (b"x" * size)
    head = "POST /predictions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    head += f"content-length: {len(body)}\r\n\r\n"
    with two_servers(project) as (server, _), socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(head.encode() + body)
        until(lambda: "succeeded" in httpx.get(f"{server.url}/predictions").text, "it has ended")
        # Nothing of the answer is read: the server is to give up, and to keep nothing open.
        until(lambda: established(server.port) == 0, "the connection is let go", 90)
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        found = 0
        with suppress(ConnectionResetError):
            while part := client.recv(1 << 20):
                found += len(part)
        assert found < size


def established(port: int) -> int:
    """Return how many connections the server at a port holds open (proc(5), net/tcp)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[1].endswith(f":{port:04X}") and line[3] == "01" for line in lines)


HUNGRY = """
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self, megabytes: int) -> int:
        return len(bytearray(megabytes << 20))
"""


def test_a_worker_killed_at_the_memory_limit_is_named_and_replaced(one_place: Workplace) -> None:
    files = {"cog.yaml": "predict: predict.py:Predictor\n", "predict.py": HUNGRY}
    tag = one_place.image(one_place.project(files))
    limit = ("--memory=300m", "--memory-swap=300m")
    with running(one_place.engine, tag, options=limit) as model:
        wait_for_health(model)
        assert model.predict(megabytes=1)["output"] == 1 << 20
        assert model.predict(megabytes=1000)["error"] == (
            "Worker crashed: it was killed by SIGKILL "
            "(out of memory: the kernel killed it at the container's memory limit)"
        )
        wait_for_health(model)
        assert model.predict(megabytes=1)["status"] == "succeeded"
        assert 'cog_worker_restarts_total{reason="memory"} 1.0' in model.get("/metrics").text
        run_docker(one_place.engine, "stop", model.container)
        state = run_docker(
            one_place.engine, "inspect", "--format", "{{.State.ExitCode}}", model.container
        )
        assert state == "0", "SIGTERM reaches the server through the image's init"
