"""Starts a peer's server and says what it costs: time to the first answer, memory, CPU time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.serving.peers import Peer
from cog_frontend.schema import openapi, read_predictor, schema_json

APPS = Path(__file__).parent / "apps"
CHECKOUT = Path(__file__).parents[2]

_PATIENCE = 60.0  # seconds for a server to give its first answer
_TICK = os.sysconf("SC_CLK_TCK")


class PeerError(Exception):
    """A peer cannot be installed or started; the text is for the person who runs the benchmark."""


def environment(peer: Peer, cache: Path) -> Path:
    """Return the ``bin`` folder of a peer's virtual environment; made where missing."""
    if not peer.requirements:
        return Path(sys.executable).parent
    key = hashlib.sha256("\n".join(peer.requirements).encode()).hexdigest()[:12]
    folder = cache / f"{peer.name.lower()}-{key}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, *peer.requirements], check=False).returncode:
            raise PeerError(f"{peer.name} cannot be installed: {' '.join(peer.requirements)}")
        (folder / "complete").touch()
    return folder / "bin"


def project(peer: Peer, folder: Path) -> Path:
    """Return a copy of a peer's app, for Cog's servers with the document of each predictor."""
    target = folder / peer.name.lower()
    if peer.is_cog:
        for file in sorted((APPS / peer.app).glob("*.py")):
            place = target / file.stem
            place.mkdir(parents=True)
            shutil.copy(file, place)
            (place / ".cog").mkdir()
            (place / ".cog" / "openapi_schema.json").write_text(_document(file))
    else:
        shutil.copytree(APPS / peer.app, target)
    return target


def _document(file: Path) -> str:
    predictor = read_predictor(
        f"{file.name}:Predictor", lambda path: file.read_bytes() if path == file.name else None
    )
    return schema_json(openapi(predictor, version="benchmark"))


class Server:
    """A running server of a peer, for one kind of predictor."""

    def __init__(self, peer: Peer, kind: str, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self._peer = peer
        self._kind = kind
        self._process = process

    def first_answer(self) -> float:
        """Wait for the first good answer and return the seconds it took. Raises PeerError."""
        start = time.monotonic()
        request = self._peer.request(self._kind, "bob")
        while time.monotonic() - start < _PATIENCE and self._process.poll() is None:
            if _answers(self.port, request):
                return time.monotonic() - start
            time.sleep(0.01)
        raise PeerError(f"{self._peer.name} ({self._kind}) does not answer")

    def memory(self) -> int:
        """Return the resident bytes of its processes, what they share counted once."""
        return sum(map(_resident, _family(self._process.pid)))

    def cpu(self) -> float:
        """Return the seconds of CPU time that its processes have used."""
        return sum(map(_cpu, _family(self._process.pid)))

    def stop(self) -> None:
        """End all of its processes."""
        family = _family(self._process.pid)
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


@contextlib.contextmanager
def running(peer: Peer, kind: str, binaries: Path, app: Path, log: Path) -> Iterator[Server]:
    """Start a peer's server for one kind of predictor and stop it afterwards."""
    port = _free_port()
    names = {"kind": kind, "port": str(port), "queue": "100" if kind == "sleep" else "256"}
    names["slots"] = "32" if kind == "parallel" else "1"
    env = {**os.environ, "PORT": names["port"], "BENCH_KIND": kind}
    env |= {name: value.format_map(names) for name, value in peer.env.items()}
    if not peer.requirements:
        env["PYTHONPATH"] = str(CHECKOUT / "server")
    # A server may start "python" by that name.
    env["PATH"] = f"{binaries}:{env.get('PATH', '')}"
    program, *arguments = (part.format_map(names) for part in peer.command)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(binaries / program), *arguments],
            cwd=app / kind if peer.is_cog else app,
            env=env,
            stdout=output,
            stderr=output,
        )
    server = Server(peer, kind, process, port)
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int, request: bytes) -> bool:
    """Say whether a request has a good answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request)
            head = connection.recv(4096)
    except OSError:
        return False
    return head.startswith(b"HTTP/1.1 200")


def _family(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents[int(entry.name)] = int(fields[1])
    family = [root]
    for pid in family:
        family.extend(child for child, parent in parents.items() if parent == pid)
    return family


def _stat(pid: int) -> list[str]:
    """Return the fields of proc(5) from the state on, none where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICK if fields else 0.0


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
