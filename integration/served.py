"""A server that runs on this machine without a container, as a load balancer sees it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.waiting import until

SERVER = Path(__file__).parents[1] / "server"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Served:
    """One server on its own port; it can be started again there."""

    def __init__(self, project: Path, port: int, env: dict[str, str]) -> None:
        self.port = port
        self._project = project
        self._env = env
        self._log = project / f"server-{port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text()

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cog.server.http", "--host", "127.0.0.1"],
                cwd=self._project,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": str(SERVER),
                    "COG_PREDICT_TYPE_STUB": "predict.py:Predictor",
                    "PORT": str(self.port),
                    **self._env,
                },
                stderr=log,
            )
        until(self.is_ready, f"ready\n{self.log}")

    def is_ready(self) -> bool:
        """Say whether it takes predictions."""
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """Ask it to end and return its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def kill(self) -> None:
        """End it now, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
