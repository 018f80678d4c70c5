"""What goes wrong in a build is shown on the user's own lines, and nothing half-made stays."""

from __future__ import annotations

import signal
import subprocess

import pytest

from integration.conftest import Workplace
from integration.frontend_images import run_docker

PREDICT = "def run() -> str:\n    return 'x'\n"
GOOD = "build:\n  python_version: '3.12'\n"


def failure(place: Workplace, files: dict[str, str], *options: str) -> str:
    """Build what must not build; return what the user saw. No image may be left behind."""
    tag, result = place.build(place.project({"predict.py": PREDICT, **files}), *options)
    assert result.code != 0, result.output
    assert run_docker(place.engine, "image", "ls", "--quiet", tag) == ""
    return result.output


def test_a_failing_command_shows_its_line(place: Workplace) -> None:
    output = failure(
        place, {"cog.yaml": f"{GOOD}  run:\n    - echo fine\n    - echo broken && exit 7\n"}
    )
    assert ">>>     - echo broken && exit 7" in output
    assert "cog.yaml:6" in output
    assert "exit code: 7" in output


def test_an_unknown_package_shows_the_requirements_line_of_the_config(place: Workplace) -> None:
    output = failure(
        place,
        {
            "cog.yaml": f"{GOOD}  python_requirements: requirements.txt\n",
            "requirements.txt": "no-such-package-of-cogkit==1.0\n",
        },
    )
    assert ">>>   python_requirements: requirements.txt" in output
    assert "no-such-package-of-cogkit" in output


def test_an_unknown_system_package(place: Workplace) -> None:
    output = failure(place, {"cog.yaml": f"{GOOD}  system_packages:\n    - no-such-package\n"})
    assert ">>>     - no-such-package" in output
    assert "Unable to locate package no-such-package" in output


@pytest.mark.parametrize(
    ("config", "shown", "message"),
    [
        (
            "build:\n  python_versoin: '3.12'\n",
            ">>>   python_versoin: '3.12'",
            "unknown key (did you mean 'python_version'?)",
        ),
        ("build: [\n", ">>>", "invalid YAML"),
        ("build:\n\tgpu: true\n", ">>>", "invalid YAML"),
        (f"{GOOD}predict: gone.py:P\n", ">>> predict: gone.py:P", "there is no such file"),
        (f"{GOOD}predict: predict.py:Gone\n", ">>> ", "Gone"),
        (
            f"{GOOD}  python_requirements: gone.txt\n",
            ">>>   python_requirements: gone.txt",
            "there is no such file",
        ),
        (
            "build:\n  python_version: 3.12.99\n",
            ">>>   python_version: 3.12.99",
            "the base image python:3.12.99-slim cannot be loaded",
        ),
    ],
)
def test_what_is_wrong_in_the_config_shows_its_line(
    place: Workplace, config: str, shown: str, message: str
) -> None:
    output = failure(place, {"cog.yaml": config})
    assert shown in output
    assert message in output
    assert "Traceback" not in output


def test_a_syntax_error_in_the_predictor_shows_the_predictor(place: Workplace) -> None:
    project = place.project(
        {"cog.yaml": f"{GOOD}predict: predict.py:run\n", "predict.py": "def run( -> str:\n"}
    )
    _, result = place.build(project)
    assert result.code != 0
    assert ">>> def run( -> str:" in result.output


def test_no_network(place: Workplace) -> None:
    output = failure(
        place,
        {"cog.yaml": f"{GOOD}  python_packages:\n    - six==1.17.0\n"},
        "--network=none",
        "--no-cache",
    )
    assert ">>>     - six==1.17.0" in output


def test_a_failing_step_shows_its_line_on_the_oldest_engine(old_place: Workplace) -> None:
    output = failure(old_place, {"cog.yaml": f"{GOOD}  run:\n    - exit 3\n"})
    assert ">>>     - exit 3" in output


def test_interrupting_a_build_leaves_nothing(one_place: Workplace) -> None:
    project = one_place.project({"cog.yaml": f"{GOOD}  run:\n    - sleep 600\n"})
    command = ["docker", "buildx", "build", "--progress=plain", "-f", "cog.yaml", "."]
    with subprocess.Popen(
        command,
        cwd=project,
        env=dict(one_place.engine.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as build:
        assert build.stdout is not None
        for line in build.stdout:
            if "RUN" in line or "sleep 600" in line:
                break
        build.send_signal(signal.SIGINT)
        build.stdout.read()
        assert build.wait(60) != 0
    listing = subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
    assert "sleep 600" not in listing
