"""``cog init``: every template is a project that plans, lints clean and predicts as it is."""

from __future__ import annotations

import base64
import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cog import wire
from cog_cli.errors import CliError
from cog_cli.init import DEFAULT, TEMPLATES, project_files, write_missing
from cog_cli.project import load
from cog_frontend.version import FRONTEND
from tests.cli.conftest import World
from tests.fakes.worker_driver import WorkerDriver

COMMON = {".dockerignore", "cog.yaml", "run.py"}
MORE = {
    "hello": {"requirements.txt"},
    "torch": {"requirements.txt", "model.py", "train.py", "weights.pt"},
    "onnx": {"requirements.txt", "train.py", "model.onnx", "sample.png"},
    "sklearn": {"requirements.txt", "train.py", "model.joblib"},
    "llm": {"engine.py", "corpus.txt"},
}
# What each needs in the interpreter that runs these tests; integration has them all.
NEEDS = {"torch": "torch", "onnx": "onnxruntime", "sklearn": "sklearn"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@contextmanager
def worker(folder: Path, template: str) -> Iterator[WorkerDriver]:
    write_missing(folder, project_files(FRONTEND, template))
    needed = NEEDS.get(template)
    if needed and not importlib.util.find_spec(needed):
        pytest.skip(f"{needed} is not installed here")
    with WorkerDriver(folder, "run.py:Runner", timeout=60) as driver:
        yield driver


def predicted(folder: Path, template: str, **inputs: object) -> Any:
    with worker(folder, template) as driver:
        done = driver.predict(**inputs)
    assert done.status == "succeeded", done
    return done.output


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_a_project_of_which_nothing_is_to_be_said(
    world: World, template: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.docker.daemon = False
    assert world.cog("init", "--template", template) == 0
    assert names(world.folder) == COMMON | MORE[template]
    project = load(world.folder / "cog.yaml")
    assert project.syntax == FRONTEND
    assert project.facts.warnings == ()
    assert world.cog("doctor") == 0
    assert "nothing to improve" in world.stderr
    assert world.cog("explain", "--json") == 0
    assert json.loads(capsys.readouterr().out)["layers"]


@pytest.mark.parametrize(
    ("template", "required", "output"),
    [
        ("hello", [], "string"),
        ("torch", ["x", "y"], "object"),
        ("onnx", ["image"], "object"),
        ("sklearn", [], "object"),
        ("llm", ["prompt"], "array"),
    ],
)
def test_the_schema_of_a_template_is_read_without_running_it(
    tmp_path: Path, template: str, required: list[str], output: str
) -> None:
    write_missing(tmp_path, project_files(FRONTEND, template))
    document = json.loads(load(tmp_path / "cog.yaml").schema)
    schemas = document["components"]["schemas"]
    assert schemas["Input"].get("required", []) == required
    assert schemas["Output"]["type"] == output
    typed = TEMPLATES[template].example.split()[1::2]
    assert {each.partition("=")[0] for each in typed} <= set(schemas["Input"]["properties"])


def test_hello_predicts(tmp_path: Path) -> None:
    assert predicted(tmp_path, "hello", text="world") == "hello world"


def test_torch_predicts(tmp_path: Path) -> None:
    # On the first arm, a quarter of its turn from the middle.
    found = predicted(tmp_path, "torch", x=0.0, y=0.25)
    assert found["arm"] == 0
    assert found["probability"] > 0.9


def test_onnx_predicts(tmp_path: Path) -> None:
    sample = base64.b64encode(project_files(FRONTEND, "onnx")["sample.png"]).decode()
    found = predicted(tmp_path, "onnx", image=f"data:image/png;base64,{sample}")
    assert found["digit"] == 7


def test_sklearn_predicts(tmp_path: Path) -> None:
    setosa = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    assert predicted(tmp_path, "sklearn", **setosa)["species"] == "setosa"
    assert setosa.keys() == schema_inputs(tmp_path)


def schema_inputs(folder: Path) -> set[str]:
    document = json.loads(load(folder / "cog.yaml").schema)
    return set(document["components"]["schemas"]["Input"]["properties"])


def test_llm_streams_a_text_that_its_seed_decides(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"prompt": "Alice", "max_tokens": 12, "temperature": 0.7}
    texts = []
    with worker(tmp_path, "llm") as driver:
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            done = driver.predict(name, seed=seed, **asked)
            assert done.status == "succeeded", done
            assert done.metrics["output_tokens"] == 12
            texts.append(
                [
                    each.value
                    for each in driver.messages
                    if isinstance(each, wire.Output) and each.id == name
                ]
            )
        silent = driver.predict("d", seed=None, **(asked | {"temperature": 0, "max_tokens": 3}))
        assert silent.status == "succeeded"
    assert [len(text) for text in texts] == [12, 12, 12]
    assert texts[0] == texts[1] != texts[2]


def test_the_first_prediction_of_each_template_is_named(world: World) -> None:
    assert world.cog("init") == 0
    assert f"next: cog run {TEMPLATES[DEFAULT].example}" in world.stderr


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_file_that_is_there_is_never_touched(world: World, template: str) -> None:
    mine = {name: world.write(name, "mine") for name in COMMON | MORE[template]}
    assert world.cog("init", "--template", template) == 0
    assert {path.read_text() for path in mine.values()} == {"mine"}
    assert "kept run.py" in world.stderr
    assert f"may not fit the template {template}" in world.stderr
    assert "wrote" not in world.stderr


def test_a_link_that_leads_nowhere_is_not_written_through(world: World) -> None:
    (world.folder / "run.py").symlink_to(world.folder / "elsewhere.py")
    assert world.cog("init") == 0
    assert "kept run.py" in world.stderr
    assert not (world.folder / "elsewhere.py").exists()


def test_an_unknown_template_is_told_with_those_there_are(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.cog("init", "--template", "tensorflow") == 2
    shown = capsys.readouterr().err
    assert all(name in shown for name in TEMPLATES)
    assert names(world.folder) == set()


def test_where_one_file_cannot_be_written_none_is_left(world: World) -> None:
    mine = world.write("cog.yaml", "mine")
    files = {"cog.yaml": b"", "a.py": b"", "no/such/folder.py": b""}
    with pytest.raises(CliError, match=r"cannot write .*folder\.py: No such file or directory"):
        write_missing(world.folder, files)
    assert names(world.folder) == {"cog.yaml"}
    assert mine.read_text() == "mine"
