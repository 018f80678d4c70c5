"""``cog init --template``: each new project builds and predicts as it is."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cog_cli.init import TEMPLATES
from integration.command import cog
from integration.conftest import Workplace

EXPECTED = {
    "hello": r"hello world",
    "torch": r'"arm": \d',
    "onnx": r'"digit": 7',
    "sklearn": r'"species": "setosa"',
    "llm": r"\w+ .*\w+",
}
# Wheels of torch without CUDA are on PyTorch's own index alone.
TORCH_INDEX = "https://download.pytorch.org/whl/cpu/torch/"


def has_torch() -> bool:
    try:
        with urllib.request.urlopen(TORCH_INDEX, timeout=10):
            return True
    except (urllib.error.URLError, TimeoutError):
        return False


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_builds_and_predicts(
    one_place: Workplace, tmp_path: Path, template: str
) -> None:
    if template == "torch" and not has_torch():
        pytest.skip("PyTorch's index cannot be reached from here")
    assert cog(one_place, tmp_path, "init", "--template", template).returncode == 0
    tag = one_place.tag()
    built = cog(one_place, tmp_path, "build", "-t", tag, "--output", "json")
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)
    asked = cog(one_place, tmp_path, "run", tag, *TEMPLATES[template].example.split())
    assert asked.returncode == 0, asked.stderr
    assert re.search(EXPECTED[template], asked.stdout, re.DOTALL), asked.stdout


def test_the_language_model_streams(one_place: Workplace, tmp_path: Path) -> None:
    assert cog(one_place, tmp_path, "init", "--template", "llm").returncode == 0
    tag = one_place.tag()
    assert cog(one_place, tmp_path, "build", "-t", tag).returncode == 0
    with one_place.serve(tag) as model:
        answer = model.predict(prompt="Alice", max_tokens=5, seed=1)
        assert len(answer["output"]) == 5
        assert answer["metrics"]["output_tokens"] == 5
        again = model.predict(prompt="Alice", max_tokens=5, seed=1)
        assert again["output"] == answer["output"]
