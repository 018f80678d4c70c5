"""Every target on a real BuildKit: what it gives, and that it can fail."""

from __future__ import annotations

import json
from pathlib import Path

from integration.conftest import Workplace
from integration.frontend_images import run_docker
from integration.layers import commands_run
from integration.model import image_config

CONFIG = """\
build:
  python_version: '3.12'
  python_packages: ['pytest==8.4.1']
  run: ["echo made > /made.txt"]
run: run.py:Runner
"""
RUNNER = """\
from cog import BaseRunner


class Runner(BaseRunner):
    def run(self, text: str) -> str:
        return text.upper()
"""
TEST = """\
import cog
from run import Runner


def test_it_shouts() -> None:
    assert Runner().run("hello") == "HELLO"
"""


def project(place: Workplace, test: str = TEST, runner: str = RUNNER) -> Path:
    return place.project({"cog.yaml": CONFIG, "run.py": runner, "test_run.py": test})


def test_the_base_has_the_environment_and_nothing_of_the_project(place: Workplace) -> None:
    folder = project(place)
    tag = place.image(folder, "--target", "base")
    assert place.read(tag, "made.txt") == b"made\n"
    assert place.files(tag, "src") == set()
    script = "import pytest; print(pytest.__version__)"
    assert run_docker(place.engine, "run", "--rm", tag, "python", "-c", script).strip() == "8.4.1"
    config = image_config(place.engine, tag)
    assert config["Cmd"] == ["python"]
    assert "run.cog.openapi_schema" not in config["Labels"]
    (folder / "run.py").write_text(f"{RUNNER}# edited\n")
    _, again = place.build(folder, "--target", "base")
    assert again.code == 0, again.output
    assert commands_run(again.output) == set()


def test_a_test_gives_the_image_when_the_tests_pass(place: Workplace) -> None:
    # A builder that has run these tests before would say nothing of them.
    tag, result = place.build(project(place), "--target", "test", "--no-cache-filter", "test")
    assert result.code == 0, result.output
    assert "1 passed" in result.output
    assert not [path for path in place.files(tag, "src") if path.startswith(".pytest_cache")]
    with place.serve(tag) as model:
        assert model.predict(text="hello")["output"] == "HELLO"


def test_a_failed_test_fails_the_build(place: Workplace) -> None:
    _, result = place.build(project(place, TEST.replace('"HELLO"', '"hello"')), "--target", "test")
    assert result.code != 0
    assert "1 failed" in result.output
    assert "[test] run pytest" in result.output


def test_code_that_does_not_import_fails_the_test(place: Workplace) -> None:
    runner = f"raise RuntimeError('not today')\n{RUNNER}"
    _, result = place.build(project(place, runner=runner), "--target", "test")
    assert result.code != 0
    assert "not today" in result.output


def test_schema_and_plan_are_written_as_files(place: Workplace) -> None:
    folder, out = project(place), place.scratch("out")
    for target in ("schema", "plan"):
        _, result = place.build(folder, "--target", target, "--output", str(out))
        assert result.code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == ["openapi_schema.json", "plan.json"]
    document = json.loads((out / "openapi_schema.json").read_text())
    assert "text" in document["components"]["schemas"]["Input"]["properties"]
    layers = [layer["name"] for layer in json.loads((out / "plan.json").read_text())["layers"]]
    assert "packages/small" in layers


def test_a_target_that_is_not_there_is_named(one_place: Workplace) -> None:
    _, result = one_place.build(project(one_place), "--target", "tests")
    assert result.code != 0
    assert "there is no target 'tests' (did you mean 'test'?)" in result.output
