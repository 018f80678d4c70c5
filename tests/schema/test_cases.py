"""Every case of a predictor's source against the readable text of what was made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cog_frontend.errors import Problem, ProjectError
from cog_frontend.schema import Predictor, openapi, read_predictor
from cog_frontend.schema.components import FIXED, shared_components
from cog_frontend.schema.model import Mode

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.stem for path in CASES.iterdir() if path.suffix != ".json")


def comment(text: str, key: str, otherwise: str) -> str:
    found = re.search(rf"^# {key}: (\w+)$", text, re.MULTILINE)
    return found[1] if found else otherwise


def read_case(name: str) -> Predictor:
    single = (CASES / f"{name}.py").is_file()
    root, file = (CASES, f"{name}.py") if single else (CASES / name, "predict.py")

    def read(path: str) -> bytes | None:
        target = root / path
        return target.read_bytes() if target.is_file() else None

    text = (root / file).read_text()
    mode: Mode = "train" if comment(text, "mode", "predict") == "train" else "predict"
    otherwise = "" if "class Runner" in text else "Predictor"
    return read_predictor(f"{file}:{comment(text, 'ref', otherwise)}", read, mode=mode)


def shown_problem(problem: Problem) -> dict[str, str]:
    span = problem.span
    at = f"{problem.file}:{span.start_line}:{span.start_column}-" if span else problem.file
    if span:
        same = span.end_line == span.start_line
        at += f"{span.end_column}" if same else f"{span.end_line}:{span.end_column}"
    shown = {"at": at, "message": problem.message}
    return {**shown, "hint": problem.hint} if problem.hint else shown


def shown_predictor(predictor: Predictor) -> dict[str, object]:
    document = openapi(predictor, version="1.2.3")
    components = document["components"]
    assert isinstance(components, dict)
    fixed = FIXED[predictor.mode]
    hidden = {fixed.request, fixed.response, *shared_components()}
    return {
        "handler": f"{predictor.kind} {predictor.name}, {predictor.method}()",
        "async": predictor.is_async,
        "streaming": predictor.streaming,
        "concurrency": predictor.concurrency_max,
        "warnings": [shown_problem(warning) for warning in predictor.warnings],
        "components": {
            name: schema for name, schema in components["schemas"].items() if name not in hidden
        },
    }


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str, golden: Callable[[Path, str], None]) -> None:
    try:
        shown = shown_predictor(read_case(name))
    except ProjectError as error:
        shown = {"problems": [shown_problem(problem) for problem in error.problems]}
    assert ("problems" in shown) == name.startswith("problems"), shown
    golden(CASES / f"{name}.json", json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
