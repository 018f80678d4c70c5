"""``cog doctor``: what is found is shown at its lines, and what is safe is mended."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import World

PREDICT = """\
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self) -> str:
        return "x"
"""
CONFIG = """\
# my model
build:
  python_version: 3.10  # as on the cluster
  python_requirements: requirements.txt
  system_packages:
    - tree
    - tree
predict: predict.py:Predictor
"""
SKIP = ("--skip", "pythonnearitsend")


@pytest.fixture
def project(world: World) -> World:
    world.docker.daemon = False
    world.write("cog.yaml", CONFIG)
    world.write("predict.py", PREDICT)
    world.write("requirements.txt", "six==1.17.0\nsix==1.17.0\n")
    world.write(".dockerignore", ".git\n")
    return world


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_found_is_shown_and_nothing_is_touched(
    project: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(project.folder)
    assert project.cog("doctor", *SKIP) == 1
    shown = capsys.readouterr().out
    assert (
        "cog.yaml:3:19: PythonUnquoted: 3.10 is 3.1 to other YAML tools"
        " (Put the version in quotes.)\n"
        "  3 |   python_version: 3.10  # as on the cluster\n"
    ) in shown
    assert "requirements.txt:2:1: PackageTwice: six is required twice" in shown
    assert "4 things found" in project.stderr
    assert contents(project.folder) == before


def test_a_fix_mends_the_files_and_keeps_the_rest_of_them(
    project: World, capsys: pytest.CaptureFixture[str]
) -> None:
    requirements = project.folder / "requirements.txt"
    requirements.chmod(0o640)
    assert project.cog("doctor", "--fix", *SKIP) == 0
    assert (project.folder / "cog.yaml").read_text() == (
        CONFIG.replace("3.10 ", '"3.10" ')
        .replace("    - tree\n    - tree\n", "    - tree\n")
        .replace("predict: ", "run: ")
    )
    assert requirements.read_text() == "six==1.17.0\n"
    assert stat.S_IMODE(requirements.stat().st_mode) == 0o640
    assert "mended cog.yaml:3 (PythonUnquoted)" in project.stderr
    assert sorted(contents(project.folder)) == [
        *(".dockerignore", "cog.yaml", "predict.py", "requirements.txt"),
    ]
    assert capsys.readouterr().out == ""


def test_what_cannot_be_mended_is_left_and_said(
    project: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.cog("doctor", "--fix") == 1
    assert "PythonNearItsEnd" in capsys.readouterr().out
    assert "1 thing found" in project.stderr


def test_a_project_that_cannot_be_built_is_the_error_that_a_build_gives(project: World) -> None:
    project.write("cog.yaml", "build:\n  gpus: true\n")
    assert project.cog("doctor", "--fix") == 1
    assert "cog.yaml:2:3: build.gpus: unknown key (did you mean 'gpu'?)" in project.stderr


def test_a_rule_that_is_not_there_is_named(project: World) -> None:
    assert project.cog("doctor", "--skip", "Nope") == 1
    assert "there is no rule 'Nope'" in project.stderr
