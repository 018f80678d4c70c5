"""What ``docker buildx build --call`` is answered: documents for clients, text for people."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from cog_frontend.build_args import BUILD_ARGS
from tests.fakes.bridge import FakeBridge
from tests.frontend.test_cases import frontend
from tests.frontend.test_session import GOOD

NEEDY = b"""\
build:
  python_packages: [six]
  python_index:
    - url: https://example.com/simple
      secret: index
  ssh: default
  run:
    - command: make
      mounts:
        - type: secret
          id: token
          target: /run/token
run: predict.py:Predictor
"""
PROJECT = {**GOOD, "cog.yaml": NEEDY}


def call(request: str, files: dict[str, bytes] = PROJECT, **options: str) -> FakeBridge:
    return frontend(files, {"requestid": f"frontend.{request}", **options})


def document(bridge: FakeBridge) -> Any:
    return json.loads(bridge.result.metadata["result.json"])


def text(bridge: FakeBridge) -> str:
    return bridge.result.metadata["result.txt"].decode()


@pytest.mark.parametrize("request_id", ["outline", "targets", "subrequests.describe"])
def test_an_answer_is_metadata_of_a_version_and_builds_nothing(request_id: str) -> None:
    bridge = call(request_id)
    assert bridge.result.metadata["version"] == b"1.0.0"
    assert set(bridge.result.metadata) == {"result.json", "result.txt", "version"}
    assert bridge.solver.ran == []
    assert not bridge.result.ref.id


def test_the_targets_are_listed_with_their_base() -> None:
    bridge = call("targets")
    answer = document(bridge)
    assert [each["name"] for each in answer["targets"]] == [
        *("image", "base", "test", "lock", "schema", "plan"),
    ]
    assert [each["name"] for each in answer["targets"] if each.get("default")] == ["image"]
    assert answer["targets"][0]["base"] == "python:3.13-slim"
    assert "base" not in answer["targets"][3]
    assert base64.b64decode(answer["sources"][0]) == NEEDY
    assert text(bridge).splitlines()[:2] == [
        "TARGET    DESCRIPTION",
        "image     the model's image (default)",
    ]


def test_the_outline_names_what_a_build_uses_from_outside_and_where() -> None:
    bridge = call("outline")
    answer = document(bridge)
    assert answer["name"] == "image"
    secrets = {each["name"]: each for each in answer["secrets"]}
    assert secrets["token"] == {
        "name": "token",
        "required": True,
        "location": {"sourceIndex": 0, "ranges": [{"start": {"line": 8}, "end": {"line": 12}}]},
    }
    assert secrets["index"]["required"]
    assert "required" not in secrets["netrc"]
    assert [each["name"] for each in answer["ssh"]] == ["default"]
    assert "uv" in " ".join(each["ID"] for each in answer["cache"])
    assert base64.b64decode(answer["sources"][0]) == NEEDY


def test_the_outline_as_text() -> None:
    shown = text(call("outline"))
    assert shown.startswith("TARGET:         image\nDESCRIPTION:    the model's image (default)\n")
    assert "SECRET    REQUIRED\n" in shown
    assert "token     true\n" in shown
    assert "SSH        REQUIRED\ndefault    true\n" in shown


def test_the_outline_names_the_build_arguments_and_what_was_passed() -> None:
    passed = {
        "build-arg:HF_ENDPOINT": "https://hub.example",
        "build-arg:COGKIT_TOOLBOX": "one\ntwo",
    }
    bridge = call("outline", PROJECT, **passed)
    args = {each["name"]: each for each in document(bridge)["args"]}
    assert args["HF_ENDPOINT"] == {
        "name": "HF_ENDPOINT",
        "description": "the hub that hf:// weights come from",
        "value": "https://hub.example",
    }
    assert args["COGKIT_TOOLBOX"]["value"] == "one\ntwo"
    assert "value" not in args["COGKIT_COMPRESSION"]
    assert "    one ...    " in text(bridge)
    (line,) = [line for line in text(bridge).splitlines() if line.startswith("HF_ENDPOINT")]
    assert line.split("    ")[-1] == "the hub that hf:// weights come from"
    assert "https://hub.example" in line


def test_every_argument_of_the_outline_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/options.md").read_text()
    assert [name for name in BUILD_ARGS if f"`{name}`" not in page] == []


def test_an_outline_is_that_of_the_target() -> None:
    lock = document(call("outline", target="lock"))
    assert lock["name"] == "lock"
    assert {each["name"] for each in lock["secrets"]} == {"netrc", "index"}
    schema = document(call("outline", target="schema"))
    assert not schema["secrets"]
    assert not schema["cache"]


def test_the_questions_are_listed() -> None:
    bridge = call("subrequests.describe")
    names = [each["name"] for each in document(bridge)]
    assert {"frontend.outline", "frontend.targets", "frontend.subrequests.describe"} <= set(names)
    assert all(each["type"] == "rpc" for each in document(bridge))
    assert all(name in text(bridge) for name in names)


@pytest.mark.parametrize("request_id", ["outline", "targets"])
def test_a_config_that_is_wrong_is_the_error_that_a_build_gives(request_id: str) -> None:
    files = {**GOOD, "cog.yaml": b"build:\n  gpus: true\n"}
    message = call(request_id, files).error.message
    assert message == "cog.yaml:2:3: build.gpus: unknown key (did you mean 'gpu'?)"


def test_a_question_about_a_target_that_is_not_there_names_it() -> None:
    assert "there is no target 'x'" in call("outline", target="x").error.message
