"""The record of a plan: what a label holds, and what two of them say of a rebuild."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cog_frontend import plan
from cog_frontend.config import read_config
from cog_frontend.plan.record import Record
from cog_frontend.project import read_project

CONFIG = """\
build:
  python_version: "3.12"
  python_requirements: requirements.txt
  system_packages: [libgl1]
  run:
    - echo one
environment:
  - GREETING=hello
predict: predict.py:run
"""
FILES = {
    "requirements.txt": b"six==1.17.0\n",
    "predict.py": b"def run(n: int = 1) -> int:\n    return n\n",
}
LOCK = """\
lock-version = "1.0"

[[packages]]
name = "six"
version = "{}"
wheels = [{{ url = "https://e.co/six-{}-py3-none-any.whl", size = 9, hashes = {{ sha256 = "0" }} }}]
"""


def made(config: str = CONFIG, version: str = "1.0", lock: str = "", **files: bytes) -> plan.Plan:
    parsed = read_config(config.encode())
    given = {**FILES, **{name.replace("_", "."): data for name, data in files.items()}}
    project = read_project(parsed, ("cog.yaml", config.encode()), given.get)
    if lock:
        text = LOCK.format(lock, lock).encode()
        found = plan.read_lock(text, plan.target("3.12", "amd64"), file="pylock.toml")
        project = replace(project, lock=found)
    return plan.make_plan(parsed, project, version=version)


def record(config: str = CONFIG, version: str = "1.0", lock: str = "", **files: bytes) -> Record:
    planned = made(config, version, lock, **files)
    return plan.record(planned, config_file="cog.yaml", version=version)


def changes(old: Record, new: Record) -> dict[str, tuple[str, ...]]:
    return {each.name: each.causes for each in plan.compare(old, new)}


def test_a_label_holds_the_record_and_it_can_be_read_again() -> None:
    planned = made(lock="1.17.0")
    label = dict(planned.image.labels)[plan.LABEL]
    assert plan.read_record(label) == record(lock="1.17.0")
    assert len(label) < 8000


def test_decisions_and_layers_name_their_lines() -> None:
    found = record(lock="1.17.0")
    places = {each.topic: each.at for each in found.decisions}
    assert places == {"base": "cog.yaml:2", "python": "cog.yaml:2", "cuda": "", "index": ""}
    layers = {each.name: each for each in found.layers}
    assert layers["system"].at == "cog.yaml:4"
    assert layers["packages/small"].packages == ("six==1.17.0",)
    assert layers["run"].needs[-1] == "lock"


def test_no_content_stands_in_a_record() -> None:
    text = plan.record_json(record(CONFIG.replace("GREETING=hello", "GREETING=xyzzy")))
    assert "xyzzy" not in text
    assert "variable GREETING" in text


@pytest.mark.parametrize(
    "label",
    ["", "no json", "[]", "{}", '{"format": 2}', '{"format": 1, "layers": 3}',
     json.dumps({"format": 1, "cogkit": "1", "base": "b", "decisions": [], "layers": [{}]}),
     json.dumps({"format": 1, "cogkit": "1", "base": "b", "decisions": [{"a": 1}], "layers": []})],
)  # fmt: skip
def test_a_label_of_another_kind_is_none(label: str) -> None:
    assert plan.read_record(label) is None


def test_the_same_plan_changes_nothing() -> None:
    assert changes(record(lock="1.17.0"), record(lock="1.17.0")) == {}


def test_a_requirement_resolves_again_and_what_stands_on_packages_follows() -> None:
    old, new = record(lock="1.17.0"), record(requirements_txt=b"six==1.16.0\n")
    assert changes(old, new) == {
        "lock": ("requirements.txt changed",),
        "run": ("lock is built again",),
        "packages/small": ("the packages are worked out anew; it stays if they do",),
    }
    assert changes(old, record(lock="1.16.0"))["packages/small"] == (
        "[packages small] uv pip install six==1.16.0 is new",
        "[packages small] uv pip install six==1.17.0 is gone",
        "pylock.toml changed",
    )


def test_a_command_is_named() -> None:
    new = record(CONFIG.replace("echo one", "echo two"))
    causes = changes(record(), new)
    assert causes["run"] == (
        "[run 1/1] echo one is gone",
        "[run 1/1] echo two is new",
    )
    assert causes.keys() == {"run", "schema"}  # cog.yaml itself stands in the image


def test_a_base_builds_everything_on_it_again() -> None:
    causes = changes(record(), record(CONFIG.replace("3.12", "3.13")))
    assert "python:3.12-slim -> python:3.13-slim" in causes["base"][0]
    for layer in ("python", "system", "lock", "run"):
        assert "the base is python:3.13-slim, it was python:3.12-slim" in causes[layer]
    assert causes["runtime"] == ("/runtime/3.12 of the toolbox is gone",
                                 "/runtime/3.13 of the toolbox is new")  # fmt: skip
    assert "source" not in causes


def test_another_cogkit_brings_another_runtime() -> None:
    assert changes(record(), record(version="2.0"))["runtime"] == ("cogkit is 2.0, it was 1.0",)


def test_layers_come_and_go() -> None:
    without = record(CONFIG.replace("  system_packages: [libgl1]\n", ""))
    assert changes(without, record())["system"] == ("it is new",)
    assert changes(record(), without)["system"] == ("it is not needed any more",)
