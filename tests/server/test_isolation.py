"""The runtime as it lies in an image, in a project that does its worst to get in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cog.server.isolation import isolated_command
from tests.server.test_end_to_end import free_port

SERVER = Path(__file__).parents[2] / "server"

MODEL = """
import cog, cog_utils, httpx, litestar, pydantic, server
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self) -> dict:
        return {
            "cog": cog.__file__,
            "litestar": litestar.WHOSE,
            "httpx": httpx.WHOSE,
            "pydantic": pydantic.VERSION,
            "server": server.WHOSE,
            "utils": cog_utils.WHOSE,
        }
"""


@pytest.fixture(name="runtime")
def _runtime(tmp_path: Path) -> Path:
    runtime = tmp_path / "opt" / "cog"
    shutil.copytree(
        SERVER / "cog", runtime / "lib" / "cog", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(SERVER / "serve.py", runtime / "serve.py")
    (runtime / "deps").symlink_to(sysconfig.get_path("purelib"))
    return runtime


@pytest.fixture(name="python")
def _python(tmp_path: Path, runtime: Path) -> Path:
    """The interpreter of the user's own environment, where ``pydantic`` is an old one."""
    venv = tmp_path / "opt" / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "pydantic.py").write_text("VERSION = '1.10.2'\n")
    (packages / "httpx.py").write_text("WHOSE = 'the user'\n")
    (packages / "cogkit.pth").write_text(f"{runtime / 'lib'}\n")
    return venv / "bin" / "python"


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    project = tmp_path / "src"
    project.mkdir()
    (project / "predict.py").write_text(MODEL)
    for name in ("litestar", "granian", "server", "cog_utils", "msgspec", "orjson", "uvloop"):
        (project / f"{name}.py").write_text("WHOSE = 'the user'\n")
    return project


@contextmanager
def served(command: list[str | Path], project: Path, **env: str) -> Iterator[str]:
    port = free_port()
    log = project / "server.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1"],
            cwd=project,
            stderr=stderr,
            env={
                "PATH": os.environ["PATH"],
                "PORT": str(port),
                "COG_PREDICT_TYPE_STUB": "predict.py:Predictor",
                **env,
            },
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(500):
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
            try:
                if httpx.get(f"{url}/health-check").json()["status"] != "STARTING":
                    break
            except httpx.TransportError:
                continue
        yield url
    finally:
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize("way", ["script", "module", "module and PYTHONPATH"])
def test_server_and_project_do_not_meet(
    way: str, runtime: Path, python: Path, project: Path
) -> None:
    command: list[str | Path] = [python, "-I", "-S", runtime / "serve.py"]
    env = {}
    if way != "script":
        command = [python, "-m", "cog.server.http"]
    if way == "module and PYTHONPATH":
        env = {"PYTHONPATH": str(project)}

    with served(command, project, **env) as url:
        answer = httpx.post(f"{url}/predictions").json()

    assert answer.get("output") == {
        "cog": str(runtime / "lib" / "cog" / "__init__.py"),
        "litestar": "the user",
        "httpx": "the user",
        "pydantic": "1.10.2",
        "server": "the user",
        "utils": "the user",
    }, answer


def test_in_an_image_the_process_becomes_an_isolated_one(runtime: Path) -> None:
    module = str(runtime / "lib" / "cog" / "server" / "http.py")
    script = str(runtime / "serve.py")

    assert isolated_command(module, "/py", ["-v"], isolated=False) == [
        "/py",
        "-I",
        "-S",
        script,
        "-v",
    ]
    assert isolated_command(module, "/py", ["-v"], isolated=True) is None


def test_in_a_checkout_it_just_runs() -> None:
    module = str(SERVER / "cog" / "server" / "http.py")
    assert isolated_command(module, "/py", [], isolated=False) is None
