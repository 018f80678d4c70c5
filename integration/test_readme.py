"""The README's own lines, as they stand, in an empty folder."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from integration.conftest import Workplace
from integration.frontend_images import ROOT, run_docker

README = (ROOT / "README.md").read_text()
USE_IT = README.partition("\n## Use it\n")[2].partition("\n## ")[0]
ANSWER_SECONDS = 60


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", USE_IT, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Shell:
    """Runs lines of the README where its reader would, on the engine and port of this run."""

    def __init__(self, place: Workplace, folder: Path) -> None:
        self._folder = folder
        programs = Path(sys.executable).parent
        self._env = {
            **place.engine.env,
            "COGKIT_FRONTEND": place.images.frontend,
            "PATH": f"{programs}{os.pathsep}{place.engine.env['PATH']}",
        }

    def run(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self._folder,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"$ {line}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def reader(one_place: Workplace, tmp_path: Path) -> Shell:
    return Shell(one_place, tmp_path)


def test_buildx(one_place: Workplace, reader: Shell, tmp_path: Path) -> None:
    (config,), (predictor,) = blocks("yaml"), blocks("python")
    first, rest = config.split("\n", 1)
    assert first == "# syntax=localhost:5000/cogkit/frontend:dev"
    (tmp_path / "cog.yaml").write_text(f"# syntax={one_place.images.frontend}\n{rest}")
    (tmp_path / "run.py").write_text(predictor)
    build, serve, ask = commands(blocks("console")[1])
    reader.run(build)
    port = str(free_port())
    container = reader.run(serve.replace("5001", port)).strip()
    try:
        patient = f"--fail --retry {ANSWER_SECONDS} --retry-delay 1 --retry-all-errors"
        asked = reader.run(f"{ask.replace('5001', port)} {patient}")
        assert '"output":"hello world"' in asked
    finally:
        run_docker(one_place.engine, "rm", "--force", container)


def test_the_cog_command(reader: Shell) -> None:
    *before, predict = commands(blocks("console")[2])
    for line in before:
        reader.run(line)
    assert "hello world" in reader.run(predict)
