"""The examples, as a user meets them: build, run, ask. Every store, every supported engine."""

from __future__ import annotations

import base64
import json

import pytest

from integration.conftest import Workplace
from integration.frontend_images import ROOT
from integration.layers import commands_run
from integration.model import image_config, wait_for_health

EXAMPLES = ROOT / "examples"


def check_hello(place: Workplace) -> None:
    tag = place.image(place.copy(EXAMPLES / "hello"))
    with place.serve(tag) as model:
        assert model.predict(text="there")["output"] == "hello there"
        assert model.predict()["output"] == "hello world"
        answer = model.post("/predictions", {"input": {"text": 5}})
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", "input", "text"]
        assert model.get("/").json()["predictions_url"] == "/predictions"
        document = model.get("/openapi.json").json()
        assert (
            document["components"]["schemas"]["Input"]["properties"]["text"]["default"] == "world"
        )
        assert wait_for_health(model)["setup"]["status"] == "succeeded"
    labels = image_config(place.engine, tag)["Labels"]
    schemas = json.loads(labels["run.cog.openapi_schema"])["components"]["schemas"]
    for name in ("Input", "Output"):  # the server adds what it answers itself
        assert document["components"]["schemas"][name] == schemas[name]
    assert json.loads(labels["run.cog.config"])["predict"] == "run.py:Runner"
    assert labels["run.cog.version"] == document["info"]["version"]


def test_hello(place: Workplace) -> None:
    check_hello(place)


def test_hello_on_the_oldest_engine(old_place: Workplace) -> None:
    check_hello(old_place)


def test_digits(place: Workplace) -> None:
    tag = place.image(place.copy(EXAMPLES / "digits"))
    with place.serve(tag) as model:
        for digit in (2, 5, 7):
            picture = (EXAMPLES / f"digits/samples/{digit}.png").read_bytes()
            url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
            answer = model.predict(image=url, top=2)
            assert answer["status"] == "succeeded", answer
            assert answer["output"]["label"] == digit
            assert len(answer["output"]["scores"]) == 2


def test_a_second_build_runs_nothing_again(place: Workplace) -> None:
    project = place.copy(EXAMPLES / "digits")
    place.image(project)
    (project / "predict.py").write_text((project / "predict.py").read_text() + "\n# edited\n")
    _, result = place.build(project)
    assert result.code == 0, result.output
    assert commands_run(result.output) == set()
    for title in ("[python] create", "[lock] ", "[packages "):
        assert title in result.output


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_every_python(one_place: Workplace, python: str) -> None:
    project = one_place.copy(EXAMPLES / "hello")
    config = (project / "cog.yaml").read_text().replace('"3.12"', python)
    (project / "cog.yaml").write_text(config)
    with one_place.serve(one_place.image(project)) as model:
        assert model.predict(text=python)["output"] == f"hello {python}"
        assert model.run("python", "-c", "import sys; print(sys.version_info[:2])") == str(
            tuple(int(part) for part in python.split("."))
        )
