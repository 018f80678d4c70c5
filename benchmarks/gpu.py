"""Runs a torch predictor under the server on this machine's GPUs, without a container.

    python -m benchmarks.gpu [--predictions N]

Checks that each worker sees its own GPU and no other, that a prediction that runs out of GPU memory
fails alone, and what becomes of a worker whose GPU context is broken; prints times. The Python that
runs this has to have torch and the server's packages. Exit status 1: a check has failed.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from cog.server.devices import visible_devices

SERVER = Path(__file__).parents[1] / "server"
SETUP_SECONDS = 300

PREDICTOR = """
import json, os
import torch

class Predictor:
    def setup(self):
        count = torch.cuda.device_count()
        self.seen = [torch.cuda.get_device_properties(n) for n in range(count)]
        self.weights = torch.randn(2048, 2048, device="cuda")

    def predict(self, mode: str = "multiply") -> str:
        if mode == "oom":
            _, total = torch.cuda.mem_get_info()
            torch.empty(2 * total, dtype=torch.uint8, device="cuda")
        if mode == "break":
            torch.zeros(1, device="cuda")[torch.tensor([5], device="cuda")]
            torch.cuda.synchronize()
        torch.mm(self.weights, self.weights).sum().item()
        return json.dumps({
            "worker": os.getpid(),
            "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
            "uuids": [str(getattr(seen, "uuid", seen.name)) for seen in self.seen],
            "allocated": torch.cuda.memory_allocated(),
        })
"""


class Talk:
    """A client of the server under test."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=SETUP_SECONDS)

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()

    def predict(self, mode: str = "multiply") -> dict[str, object]:
        """Run a prediction and return its document."""
        answer = self._client.post("/predictions", json={"input": {"mode": mode}})
        answer.raise_for_status()
        document: dict[str, object] = answer.json()
        return document

    def ready_workers(self) -> int:
        """Return how many workers are up, as the metrics say."""
        try:
            page = self._client.get("/metrics").text
        except httpx.TransportError:
            return 0
        wanted = 'cog_workers{state="ready"} '
        found = [line for line in page.splitlines() if line.startswith(wanted)]
        return int(float(found[0].removeprefix(wanted))) if found else 0


@contextmanager
def serving(folder: Path, workers: int) -> Iterator[tuple[Talk, float]]:
    """Start the server and yield a client once every worker is up, and how long that took."""
    (folder / "predict.py").write_text(PREDICTOR)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = [str(SERVER), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-m", "cog.server.http", "--host", "127.0.0.1", "--workers", "auto"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "PORT": str(port),
            "COG_PREDICT_TYPE_STUB": "predict.py:Predictor",
        },
    )
    talk = Talk(f"http://127.0.0.1:{port}")
    try:
        began = time.monotonic()
        while talk.ready_workers() < workers:
            if process.poll() is not None or time.monotonic() - began > SETUP_SECONDS:
                raise SystemExit("the workers did not come up; the log above says why")
            time.sleep(0.05)
        yield talk, time.monotonic() - began
    finally:
        talk.close()
        process.terminate()
        process.wait()


def outputs(talk: Talk, count: int, at_once: int) -> list[dict[str, object]]:
    """Run ``count`` predictions and return what the model said."""
    with ThreadPoolExecutor(at_once) as pool:
        documents = list(pool.map(lambda _: talk.predict(), range(count)))
    return [json.loads(str(document["output"])) for document in documents]


def workers(talk: Talk, count: int) -> dict[object, dict[str, object]]:
    """Return what workers said, by worker, once ``count`` have been seen; at most 50 rounds."""
    found: dict[object, dict[str, object]] = {}
    for _ in range(50):
        found |= {said["worker"]: said for said in outputs(talk, 4 * count, 2 * count)}
        if len(found) >= count:
            break
    return found


def check_pinning(talk: Talk, devices: tuple[str, ...]) -> list[str]:
    """Return what is wrong with who sees which GPU."""
    found = workers(talk, len(devices))
    wrong = [f"{said} sees more than one GPU" for said in found.values() if len(_uuids(said)) > 1]
    seen = sorted(uuid for said in found.values() for uuid in _uuids(said))
    if len(set(seen)) != len(devices) or len(found) != len(devices):
        wrong.append(f"{len(found)} workers see {seen}; expected {len(devices)}, a GPU each")
    return wrong


def _uuids(said: dict[str, object]) -> list[str]:
    found = said["uuids"]
    assert isinstance(found, list)
    return found


def check_out_of_memory(talk: Talk, devices: tuple[str, ...]) -> list[str]:
    """Return what is wrong with how running out of GPU memory is told and survived."""
    before = workers(talk, len(devices)).keys()
    document = talk.predict("oom")
    wrong = []
    if document["status"] != "failed" or "OutOfMemory" not in str(document["error"]):
        wrong.append(f"out of memory is told as {document['status']}: {document.get('error')}")
    after = workers(talk, len(devices)).keys()
    if not after <= before:
        wrong.append("a worker was lost with the prediction that ran out of memory")
    return wrong


def check_broken_context(talk: Talk) -> list[str]:
    """Return what is wrong with how a broken GPU context is told."""
    document = talk.predict("break")
    if document["status"] == "failed" and "CUDA" in str(document["error"]):
        return []
    return [f"a broken context is told as {document['status']}: {document.get('error')}"]


def times(talk: Talk, count: int) -> str:
    """Return how long predictions take, one after another."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        talk.predict()
        taken.append((time.perf_counter() - began) * 1000)
    quantiles = statistics.quantiles(taken, n=100)
    return f"p50 {quantiles[49]:.2f} ms, p99 {quantiles[98]:.2f} ms"


def main(argv: list[str]) -> int:
    """Run the checks and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--predictions", type=int, default=200, help="for the times")
    options = parser.parse_args(argv)
    devices = visible_devices(os.environ)
    if not devices:
        print("There is no GPU here that CUDA could use.")
        return 1
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), len(devices)) as (talk, seconds),
    ):
        print(f"{len(devices)} workers up after {seconds:.1f} s")
        print(f"multiply 2048 x 2048: {times(talk, options.predictions)}")
        found = {
            "each worker its own GPU": check_pinning(talk, devices),
            "out of memory fails one prediction": check_out_of_memory(talk, devices),
            "a broken context is told": check_broken_context(talk),
        }
    for name, wrong in found.items():
        print(f"{'FAILED' if wrong else 'ok'}: {name}", *wrong, sep="\n  ")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
