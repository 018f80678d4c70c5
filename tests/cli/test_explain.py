"""``cog explain``: from a project alone, with its image, and beside another image."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from cog_cli.explain import shown_size
from cog_frontend import plan
from cog_frontend.version import VERSION
from tests.cli.conftest import World
from tests.frontend.test_record import CONFIG, FILES, made

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/explain.schema.json").read_text())


def label(config: str = CONFIG) -> str:
    return dict(made(config, VERSION, lock="1.17.0").image.labels)[plan.LABEL]


@pytest.fixture
def project(world: World) -> World:
    world.write("cog.yaml", CONFIG)
    for name, data in FILES.items():
        world.write(name, data.decode())
    return world


def test_a_project_that_was_never_built(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.cog("explain") == 0
    shown = capsys.readouterr().out
    assert "├─ base: python:3.12-slim  (cog.yaml:2)\n│    Python 3.12 on Debian" in shown
    assert "├─ system: [system] apt-get install libgl1  (cog.yaml:4)" in shown
    assert shown.endswith("the groups of packages are worked out in a build\n")


def test_it_needs_no_docker(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    project.docker.daemon = False
    assert project.cog("explain") == 0
    assert "decisions" in capsys.readouterr().out


def test_sizes_and_packages_are_those_of_the_image(
    project: World, capsys: pytest.CaptureFixture[str]
) -> None:
    project.image("cog-my-project", "{}", **{plan.LABEL: label()})
    # The base, then each layer: python (2), system, runtime, packages, lock, run, source, schema.
    project.docker.history = (150_000_000, 1000, 24, 5_500_000, 9, 33_000, 8, 7, 6, 5)
    assert project.cog("explain") == 0
    shown = capsys.readouterr().out
    assert "layers (sizes of cog-my-project)" in shown
    assert "(cog.yaml:2, 1.02 kB)" in shown
    assert "apt-get install libgl1  (cog.yaml:4, 5.5 MB)" in shown
    assert "33 kB)\n│    six==1.17.0\n" in shown


def test_why_an_image_would_be_rebuilt(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    project.image("old", "{}", **{plan.LABEL: label(CONFIG.replace("libgl1", "ffmpeg"))})
    assert project.cog("explain", "--why-rebuilt", "old") == 0
    shown = capsys.readouterr().out
    assert "layer system\n│    [system] apt-get install ffmpeg is gone" in shown
    assert "layer run\n│    system is built again" in shown
    project.image("same", "{}", **{plan.LABEL: label()})
    assert project.cog("explain", "--why-rebuilt", "same") == 0
    assert "nothing in the plan" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [(), ("--why-rebuilt", "old")])
def test_json_is_as_its_schema_says(
    project: World, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    old = CONFIG.replace("3.12", "3.11")
    project.image("old", "{}", **{plan.LABEL: label(old)})
    project.image("cog-my-project", "{}", **{plan.LABEL: label()})
    assert project.cog("explain", "--json", *arguments) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert ("changes" in document) == bool(arguments)


@pytest.mark.parametrize(
    ("labels", "reason"), [(None, "is not on this machine"), ({}, "was not built by this cogkit")]
)
def test_an_image_that_cannot_be_compared(
    project: World, labels: dict[str, str] | None, reason: str
) -> None:
    if labels is not None:
        project.image("other", "{}", **labels)
    assert project.cog("explain", "--why-rebuilt", "other") == 1
    assert f"image 'other' {reason}" in project.stderr.replace("\n", " ")


def test_problems_of_the_project_come_first(project: World) -> None:
    project.write("requirements.txt", "torch==2.0.1\n")
    project.write("cog.yaml", CONFIG.replace("3.12", "3.13"))
    assert project.cog("explain") == 1
    assert "nothing fits torch==2.0.1 for Python 3.13" in project.stderr


def test_sizes_are_shown_as_docker_shows_them() -> None:
    assert [shown_size(size) for size in (0, 999, 1000, 9_610_000, 2_700_000_000)] == [
        "0 B", "999 B", "1 kB", "9.61 MB", "2.7 GB",
    ]  # fmt: skip
