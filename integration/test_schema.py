"""The document of a predictor whose source does not tell it: made by its code, in the build."""

from __future__ import annotations

import json

from integration.conftest import Workplace
from integration.model import image_config

CONFIG = """\
build:
  python_version: '3.12'
  python_packages: ['pydantic==2.11.7']
  run: ["echo small > /sizes.txt && echo large >> /sizes.txt"]
run: run.py:Runner
environment: [KIND=b]
"""
RUNNER = """\
import os
from pathlib import Path

from cog import BaseRunner, Input
from pydantic.types import AwareDatetime
from pydantic_core import Url
from shapes import make_result

SIZES = Path("/sizes.txt").read_text().split()
Result = make_result()


class Runner(BaseRunner):
    def run(
        self,
        text: str = Input(description="what to say"),
        size: str = Input(choices=SIZES, default=SIZES[0]),
        kind: str = os.environ["KIND"],
    ) -> Result:
        return Result(said=f"{text} {size} {kind}")
"""
SHAPES = """\
import pydantic


def make_result():
    return pydantic.create_model("Result", said=(str, ...), times=(int, 1))
"""


def test_the_code_tells_what_its_source_does_not(place: Workplace) -> None:
    project = place.project({"cog.yaml": CONFIG, "run.py": RUNNER, "shapes.py": SHAPES})
    tag, result = place.build(project)
    assert result.code == 0, result.output
    assert "run.py:9:" in result.output
    assert "so the build imports the code to make the schema" in result.output
    labels = image_config(place.engine, tag)["Labels"]
    schemas = json.loads(labels["run.cog.openapi_schema"])["components"]["schemas"]
    assert schemas["size"]["enum"] == ["small", "large"]
    assert schemas["Input"]["properties"]["kind"]["default"] == "b"
    assert schemas["Input"]["properties"]["text"]["description"] == "what to say"
    assert schemas["Output"]["required"] == ["said"]
    with place.serve(tag) as model:
        assert model.predict(text="hi")["output"] == {"said": "hi small b", "times": 1}
        assert model.post("/predictions", {"input": {"text": "hi", "size": "x"}}).status_code == 422
        served = model.get("/openapi.json").json()["components"]["schemas"]
        assert all(served[name] == schemas[name] for name in ("Input", "Output", "size"))
        assert model.run("sh", "-c", "ls /src/.cog") == "openapi_schema.json\npylock.toml"


def test_code_that_cannot_be_imported_in_the_build_shows_why(place: Workplace) -> None:
    broken = RUNNER.replace('"/sizes.txt"', '"/gone.txt"')
    project = place.project({"cog.yaml": CONFIG, "run.py": broken, "shapes.py": SHAPES})
    _, result = place.build(project)
    assert result.code
    assert "FileNotFoundError: [Errno 2] No such file or directory: '/gone.txt'" in result.output
    assert 'File "/src/run.py", line 9' in result.output
    assert ">>> run: run.py:Runner" in result.output
