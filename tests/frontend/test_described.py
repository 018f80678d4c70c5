"""A predictor whose source does not tell all: the build asks the code, says so, and goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from cog_frontend.plan import layout
from tests.fakes.bridge import FakeBridge
from tests.fakes.caps import GRAPHDRIVER, MODERN, Abilities
from tests.fakes.solver import Run, Runner
from tests.frontend.test_cases import frontend, graph, resolver
from tests.frontend.test_session import GOOD, SIX
from tests.schema.test_described import describe

MADE = f"{layout.BUILD_MADE}/described.json"
CONFIG = b"build: {python_packages: [six]}\nrun: run.py:Runner\n"
COMPUTED = b"""\
import os

from cog import BaseRunner, Input, concurrent


def small(text):
    return text.lower()


class Runner(BaseRunner):
    @concurrent(max=3)
    async def run(
        self,
        prompt: str = Input(description="what to say", max_length=10),
        size: str = Input(default=small("BIG"), choices=[small(each) for each in ["S", "BIG"]]),
    ) -> dict[str, int]:
        return {prompt: 1}
"""
FILES = {"cog.yaml": CONFIG, "run.py": COMPUTED}


def describing(folder: Path, files: Mapping[str, bytes]) -> Runner:
    """What commands leave in a build: the lock, and what the SDK says of these very files."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    lock = resolver(SIX)

    def run(run: Run) -> Mapping[str, bytes]:
        if MADE not in run.args:
            return lock(run)
        found = {}
        for handler in run.args[4:]:
            mode, _, ref = handler.partition("=")
            found[mode] = describe(folder, ref, mode)
        return {MADE: json.dumps(found).encode()}

    return run


def built(folder: Path, files: dict[str, bytes], **options: str) -> FakeBridge:
    return frontend(files, options, runner=describing(folder, files))


def schema(bridge: FakeBridge) -> dict[str, dict[str, object]]:
    document = json.loads(bridge.tree().files["src/.cog/openapi_schema.json"])
    image = json.loads(bridge.result.metadata["containerimage.config"])
    assert json.loads(image["config"]["Labels"]["run.cog.openapi_schema"]) == document
    found: dict[str, dict[str, object]] = document["components"]["schemas"]
    return found


def asked(bridge: FakeBridge) -> list[Run]:
    return [run for run in bridge.solver.ran if MADE in run.args]


@pytest.mark.parametrize("caps", [MODERN, GRAPHDRIVER])
def test_the_code_is_asked_on_the_whole_image_and_leaves_nothing_in_it(
    caps: Abilities, tmp_path: Path
) -> None:
    bridge = frontend(FILES, caps=caps, runner=describing(tmp_path, FILES))
    (run,) = asked(bridge)
    assert run.args[0] == layout.PYTHON
    assert run.args[4:] == ("predict=run.py:Runner",)
    assert run.cwd == "/src"
    assert run.read("/src/run.py") == COMPUTED
    assert run.read(layout.SERVE) == b""
    assert "described" not in graph(bridge)
    assert not [path for path in bridge.tree().files if "described" in path]


def test_what_the_source_tells_stands_and_the_code_fills_in_the_rest(tmp_path: Path) -> None:
    bridge = built(tmp_path, FILES)
    found = schema(bridge)
    properties = found["Input"]["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == ["prompt", "size"]
    assert properties["prompt"]["description"] == "what to say"
    assert properties["size"]["default"] == "big"
    assert found["size"]["enum"] == ["s", "big"]
    assert found["Output"]["additionalProperties"] == {"type": "integer"}
    assert b"COG_MAX_CONCURRENCY=3" in bridge.result.metadata["containerimage.config"]


def test_it_says_where_and_why(tmp_path: Path) -> None:
    shown = [each.short.decode() for each in built(tmp_path, FILES).warnings]
    assert [each.partition(" (")[0] for each in shown if "run.py" in each] == [
        "run.py:15:35: input size: the result of `small()` is not known before the code runs",
        "run.py:15:58: input size: the result of `small()` is not known before the code runs",
    ]
    assert all("so the build imports the code" in each for each in shown if "run.py" in each)


def test_no_code_runs_where_the_source_tells_all() -> None:
    assert not asked(frontend({**GOOD, "cog.yaml": b"run: predict.py:Predictor\n"}))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            b"import cog\n\ndef at():\n    return 5\n\n\nclass Runner:\n"
            b"    def run(self, n: int = cog.Input(default=at(), le=len([1]) * 4)) -> str:\n"
            b"        return ''\n",
            "run.py:8:1: input n: the default 5 is above le=4",
        ),
        (
            b"import fractions\n\ntry:\n    Kind = fractions.Fraction\nexcept OSError:\n"
            b"    Kind = int\n\n\ndef make():\n    return Kind\n\nMade = make()\n\n\n"
            b"class Runner:\n    def run(self, n: Made) -> str:\n        return ''\n",
            "run.py:16:1: input n: `Fraction` is not a supported type",
        ),
        (
            b"import typing\n\n\ndef make():\n    return typing.Optional[str]\n\n"
            b"Made = make()\n\n\n"
            b"class Runner:\n    def run(self) -> Made:\n        return ''\n",
            "run.py:11:1: an output cannot be Optional",
        ),
    ],
)
def test_what_the_code_turns_out_to_be_is_judged_as_well(
    source: bytes, expected: str, tmp_path: Path
) -> None:
    bridge = built(tmp_path, {"cog.yaml": b"run: run.py:Runner\n", "run.py": source})
    assert bridge.error.message.startswith(expected)
    assert "Source" in bridge.error.details[0].type_url


def test_what_is_wrong_anyway_stops_the_build_before_any_code_runs(tmp_path: Path) -> None:
    source = COMPUTED.replace(b"max_length=10", b"max_length=-1")
    bridge = built(tmp_path, {**FILES, "run.py": source})
    assert "max_length=-1 is negative" in bridge.error.message
    assert not bridge.solver.ran


def test_a_class_that_is_chosen_while_running(tmp_path: Path) -> None:
    source = COMPUTED + b"\n\nif small('A') == 'a':\n    Chosen = Runner\nelse:\n    Chosen = int\n"
    files = {"cog.yaml": b"run: run.py:Chosen\n", "run.py": source}
    bridge = built(tmp_path, files)
    assert "size" in schema(bridge)
    (warning,) = [each.short.decode() for each in bridge.warnings]
    assert warning.startswith("run.py:")


def test_training_and_predicting_are_asked_about_at_once(tmp_path: Path) -> None:
    source = COMPUTED + b"\n\ndef train(n: int = len(small('abc'))) -> str:\n    return ''\n"
    files = {"cog.yaml": b"run: run.py:Runner\ntrain: run.py:train\n", "run.py": source}
    bridge = built(tmp_path, files)
    (run,) = asked(bridge)
    assert run.args[4:] == ("predict=run.py:Runner", "train=run.py:train")
    assert {"Input", "TrainingInput"} <= set(schema(bridge))


def test_each_platform_has_its_own_answer(tmp_path: Path) -> None:
    bridge = built(tmp_path, FILES, platform="linux/amd64,linux/arm64")
    assert len(asked(bridge)) == 2
    assert len(bridge.result.refs.refs) == 2
