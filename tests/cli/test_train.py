from __future__ import annotations

import json

import pytest

from tests.cli.conftest import World

FILE = {"type": "string", "format": "uri"}
SCHEMAS = {
    "Input": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "Output": {"type": "string"},
    "TrainingInput": {
        "type": "object",
        "properties": {"steps": {"type": "integer"}},
        "required": ["steps"],
    },
    "TrainingOutput": FILE,
}
BOTH = json.dumps({"components": {"schemas": SCHEMAS}})
ONLY_PREDICTS = json.dumps(
    {"components": {"schemas": {name: SCHEMAS[name] for name in ("Input", "Output")}}}
)
DEPRECATED = '"cog train" is deprecated and will be removed\n'
CONFIG = 'build:\n  python_version: "3.12"\ntrain: train.py:train\nrun: train.py:Runner\n'
CODE = """\
from cog import BaseRunner, Input
from limits import limit

def train(steps: int) -> str:
    return "x"

class Runner(BaseRunner):
    def run(self, text: str) -> str:
        return text
"""


@pytest.fixture
def trained(world: World) -> World:
    world.image("m", BOTH)
    world.model.route = "/trainings"
    world.model.answer = {"status": "succeeded", "output": "data:application/zip;base64,eg=="}
    return world


def test_a_training_leaves_its_weights(trained: World) -> None:
    assert trained.cog("train", "m", "-i", "steps=3", "-e", "A=1") == 0
    assert trained.model.requests == [{"input": {"steps": 3}}]
    assert (trained.folder / "weights.zip").read_bytes() == b"z"
    assert trained.stderr == f"{DEPRECATED}wrote weights.zip\n"


def test_its_server_is_the_images_in_the_mode_for_trainings(trained: World) -> None:
    trained.cog("train", "m", "-i", "steps=3", "-e", "A=1")
    created = " ".join(trained.docker.started[0])
    assert created.endswith(" --env A=1 m python serve.py --x-mode train")


def test_the_weights_go_where_they_are_wanted(trained: World) -> None:
    assert trained.cog("train", "m", "-i", "steps=3", "-o", "w.tar") == 0
    assert (trained.folder / "w.tar").exists()


def test_json_shows_the_whole_answer(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert trained.cog("train", "m", "--json", '{"steps": 3}') == 0
    assert json.loads(capsys.readouterr().out) == trained.model.answer


def test_inputs_are_judged_by_the_trainer(trained: World) -> None:
    assert trained.cog("train", "m", "-i", "text=x") == 2
    assert 'unknown input "text"; valid inputs are: steps' in trained.stderr
    assert trained.docker.started == []


def test_a_model_that_cannot_be_trained_says_what_to_add(world: World) -> None:
    world.image("m", ONLY_PREDICTS)
    assert world.cog("train", "m", "-i", "steps=3") == 1
    assert "names nothing that trains; add 'train: train.py:train' to its cog.yaml" in world.stderr
    assert world.docker.started == []


def test_inputs_of_a_project_are_judged_before_it_is_built(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    world.write("train.py", CODE)
    world.write("limits.py", "def limit():\n    return 5\n")
    assert world.cog("train", "-i", "steps=x") == 2
    assert 'invalid input "steps": expected integer, got string "x"' in world.stderr
    assert world.builder.requests == []


def test_a_project_may_only_train(world: World) -> None:
    world.write("cog.yaml", CONFIG.replace("run: train.py:Runner\n", ""))
    world.write("train.py", CODE)
    world.write("limits.py", "def limit():\n    return 5\n")
    assert world.cog("train", "-i", "step=1") == 2
    assert 'unknown input "step"; valid inputs are: steps' in world.stderr
    assert world.cog("run") == 1
    assert "names no predictor; add 'run: run.py:Runner' to its cog.yaml" in world.stderr
    assert world.builder.requests == []


def test_what_only_running_code_tells_is_judged_after_the_build(trained: World) -> None:
    trained.write("cog.yaml", CONFIG)
    trained.write("limits.py", "def limit():\n    return 5\n")
    trained.write("train.py", CODE.replace("steps: int", "steps: int = Input(le=limit())"))
    trained.image("cog-my-project", BOTH)
    assert trained.cog("train", "-i", "step=1") == 2
    assert len(trained.builder.requests) == 1
    assert 'unknown input "step"; valid inputs are: steps' in trained.stderr
    assert trained.docker.started == []


def test_a_prediction_of_the_same_model_is_as_ever(trained: World) -> None:
    trained.model.route = "/predictions"
    trained.model.answer = {"status": "succeeded", "output": "hi"}
    assert trained.cog("run", "m", "-i", "text=x") == 0
    assert trained.docker.started[0][-1] == "m"
