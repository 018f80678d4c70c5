"""Our document of a predictor against the one that Cog itself makes of it.

``components.json`` was written by ``python -m cog.command.openapi_schema`` of Cog 0.16.12 on
``predict.py``: the components that come from the predictor.
"""

from __future__ import annotations

import json
from pathlib import Path

from cog_frontend.schema import openapi, read_predictor

FOLDER = Path(__file__).parent / "upstream"


def test_inputs_choices_and_output_are_those_of_cog() -> None:
    source = (FOLDER / "predict.py").read_bytes()
    predictor = read_predictor("predict.py:Predictor", {"predict.py": source}.get)
    components = openapi(predictor, version="1")["components"]
    assert isinstance(components, dict)
    expected = json.loads((FOLDER / "components.json").read_text())
    assert {name: components["schemas"].get(name) for name in expected} == expected
    assert [*expected["Input"]["properties"]] == [*components["schemas"]["Input"]["properties"]]
