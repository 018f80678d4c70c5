"""Questions that buildx asks: its own rendering, and the JSON for programs."""

from __future__ import annotations

import json
from typing import Any

from integration.conftest import Workplace

CONFIG = """\
build:
  python_version: '3.12'
  python_packages: ['six']
  run:
    - command: cat /run/token
      mounts: [{type: secret, id: token, target: /run/token}]
run: run.py:run
"""
FILES: dict[str, str | bytes] = {
    "cog.yaml": CONFIG,
    "run.py": "def run() -> str:\n    return 'one'\n",
}


def asked(place: Workplace, question: str, *options: str) -> str:
    """What buildx prints of a question that is answered."""
    _, result = place.build(place.project(FILES), "--call", question, *options)
    assert result.code == 0, result.output
    return result.output


def document(place: Workplace, question: str, *options: str) -> dict[str, Any]:
    shown = asked(place, f"{question},format=json", *options)
    found: dict[str, Any] = json.JSONDecoder().raw_decode(shown[shown.index("{") :])[0]
    return found


def test_the_outline_tells_of_secrets_and_their_lines(one_place: Workplace) -> None:
    shown = asked(one_place, "outline")
    assert "token" in shown
    assert "COGKIT_TOOLBOX" in shown
    secrets = {each["name"]: each for each in document(one_place, "outline")["secrets"]}
    assert secrets["token"]["required"]
    # One more than in CONFIG: the syntax line.
    assert secrets["token"]["location"]["ranges"][0]["start"]["line"] == 6


def test_the_targets_are_listed(one_place: Workplace) -> None:
    assert "the model's image" in asked(one_place, "targets")
    names = [each["name"] for each in document(one_place, "targets")["targets"]]
    assert names == ["image", "base", "test", "lock", "schema", "plan"]


def test_the_questions_are_described(one_place: Workplace) -> None:
    assert "\nsubrequests.describe 1.0.0" in asked(one_place, "subrequests.describe")


def test_an_unknown_question_is_refused(one_place: Workplace) -> None:
    project = one_place.project(FILES)
    _, result = one_place.build(project, "--call", "convertllb")
    assert result.code != 0
    assert "frontend.convertllb" in result.output


def test_a_check_fails_where_a_rule_finds_something(one_place: Workplace) -> None:
    found = one_place.project({**FILES, "cog.yaml": CONFIG.replace("'six'", "'six', 'ruff'")})
    _, result = one_place.build(found, "--check")
    assert result.code != 0
    assert "DevelopmentPackage" in result.output
    assert "docs/lint.md#developmentpackage" in result.output
    skip = "BUILDKIT_DOCKERFILE_CHECK=skip=all"
    _, result = one_place.build(found, "--check", "--build-arg", skip)
    assert result.code == 0, result.output


def test_a_check_shows_what_a_build_would_refuse(one_place: Workplace) -> None:
    broken = one_place.project({**FILES, "cog.yaml": f"{CONFIG}gpu: true\n"})
    _, result = one_place.build(broken, "--check")
    assert result.code != 0
    assert "unknown key" in result.output


def test_a_build_can_be_told_to_refuse(one_place: Workplace) -> None:
    found = one_place.project({**FILES, "cog.yaml": CONFIG.replace("'six'", "'six', 'ruff'")})
    told = "BUILDKIT_DOCKERFILE_CHECK=skip=NoIgnoreFile;error=true"
    _, result = one_place.build(found, "--build-arg", told)
    assert result.code != 0
    assert "DevelopmentPackage: ruff is for development" in result.output
