"""What the SDK says of imported code makes the same document as reading its source does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cog_frontend.schema import Predictor, Undetermined, openapi, read_predictor
from cog_frontend.schema.described import described_predictor
from cog_frontend.schema.model import InputField, Mode
from tests.schema.test_cases import CASES, NAMES, comment, read_case

SERVER = Path(__file__).parents[2] / "server"
NOTHING_READ = Undetermined((), None, output_known=False)
# They import what is not installed here, or in a circle.
OUTSIDE = {"strings", "imports"}


def describe(folder: Path, ref: str, mode: str = "predict") -> dict[str, Any]:
    out = folder / "described.json"
    done = ask(folder, out, f"{mode}={ref}")
    assert done.returncode == 0, done.stderr
    try:
        found: dict[str, Any] = json.loads(out.read_text())[mode]
        return found
    finally:
        out.unlink()


def ask(folder: Path, out: Path, handler: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SERVER / "cog/worker/__main__.py", "describe", out, handler],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def case(name: str, tmp_path: Path) -> tuple[Path, str, Mode]:
    """A folder with the case alone, its reference and its mode."""
    single = CASES / f"{name}.py"
    if single.is_file():
        folder, file = tmp_path, single.name
        (tmp_path / file).write_bytes(single.read_bytes())
    else:
        folder, file = CASES / name, "predict.py"
    text = (folder / file).read_text()
    mode: Mode = "train" if comment(text, "mode", "predict") == "train" else "predict"
    otherwise = "" if "class Runner" in text else "Predictor"
    return folder, f"{file}:{comment(text, 'ref', otherwise)}", mode


RIGHT = [name for name in NAMES if not name.startswith("problems") and name not in OUTSIDE]


@pytest.mark.parametrize("name", RIGHT)
def test_running_a_case_tells_what_its_source_tells(name: str, tmp_path: Path) -> None:
    folder, ref, mode = case(name, tmp_path)
    described = described_predictor(describe(folder, ref, mode), mode, NOTHING_READ)
    read = read_case(name)
    described = replace(described, inputs=without(described.inputs))
    assert shown(described) == shown(replace(read, inputs=without(read.inputs)))
    for field in ("name", "method", "kind", "is_async", "streaming", "concurrency_max"):
        assert getattr(described, field) == getattr(read, field), field


def without(inputs: tuple[InputField, ...]) -> tuple[InputField, ...]:
    """The inputs but those that imported code has forgotten something of.

    The order of a set, and whether a default of None was given or is none at all.
    """
    return tuple(one for one in inputs if one.name not in {"unordered", "token"})


def shown(predictor: Predictor) -> object:
    return json.loads(json.dumps(openapi(predictor, version="1")))


OUTPUTS = {
    "pydantic": """\
import pydantic


class Inner(pydantic.BaseModel):
    n: int = pydantic.Field(default=1, description="how many")
    more: "list[Inner]" = []
    maybe: str | None = None


class Out(pydantic.BaseModel):
    inner: Inner
    scores: dict[str, float]
    _hidden: int = 1
""",
    "typed_dict": """\
from typing import NotRequired, TypedDict


class Base(TypedDict):
    name: str


class Out(Base, total=False):
    size: int
    kind: NotRequired[str]
""",
    "dataclass": """\
import dataclasses
from typing import ClassVar, Literal


@dataclasses.dataclass
class Out:
    count: ClassVar[int] = 0
    text: str
    kind: Literal["a", "b"] = "a"
    tags: list[str] = dataclasses.field(default_factory=list)
    maybe: int | None = None
""",
    "model": """\
import enum
import pathlib

import cog


class Color(enum.Enum):
    RED = "red"
    ALSO = "red"
    BLUE = "blue"


class Out(cog.BaseModel):
    file: cog.Path
    other: pathlib.Path
    color: Color
    secret: cog.Secret
    free: dict
    listed: list[list[int]]
    note: str = cog.Input(default="x", description="said with it")
    words: list[str] = ["a"]
""",
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_records_are_described_as_they_are_read(name: str, tmp_path: Path) -> None:
    source = f"{OUTPUTS[name]}\n\ndef run() -> Out:\n    ...\n"
    (tmp_path / "run.py").write_text(source)
    described = described_predictor(describe(tmp_path, "run.py:run"), "predict", NOTHING_READ)
    read = read_predictor("run.py:run", {"run.py": source.encode()}.get)
    assert described.output == read.output


@pytest.mark.parametrize(
    ("source", "ref", "expected"),
    [
        ("x = 1\n", "run.py:Runner", "run.py has no 'Runner'"),
        ("Runner = 1\n", "run.py:Runner", "run.py:Runner is neither a class nor a function"),
        ("class Runner: pass\n", "run.py:Runner", "defines no method run or predict"),
        ("import gone\n", "run.py:Runner", "ModuleNotFoundError: No module named 'gone'"),
        ("raise SystemExit('stop')\n", "run.py:Runner", "SystemExit: stop"),
    ],
)
def test_code_that_cannot_be_imported_says_so(
    source: str, ref: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "run.py").write_text(source)
    out = tmp_path / "out/described.json"
    done = ask(tmp_path, out, f"predict={ref}")
    assert done.returncode == 1
    assert expected in done.stderr
    assert "cog/describe" not in done.stderr
    assert not out.exists()


def test_nothing_of_the_model_is_made_or_waited_for(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(
        "import threading\n\nthreading.Thread(target=threading.Event().wait).start()\n"
        "print('hello')\n\n\nclass Runner:\n    def __init__(self):\n        raise OSError\n\n"
        "    def setup(self):\n        raise OSError\n\n"
        "    def run(self, text: str) -> str:\n        return text\n"
    )
    assert describe(tmp_path, "run.py:Runner")["inputs"][0]["name"] == "text"
