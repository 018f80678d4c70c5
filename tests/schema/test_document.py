"""The document as a whole: valid OpenAPI 3.0, Cog's shape, the same bytes every time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from cog_frontend.schema import openapi, schema_json
from cog_frontend.schema.document import OPENAPI_VERSION
from tests.schema.reading import read_source, with_input
from tests.schema.test_cases import NAMES, read_case

PREDICT = """
from cog import Input, streaming
class Predictor:
    @streaming
    def predict(self, text: str, size: int = Input(default=1, choices=[1, 2])) -> str: ...
def train(data: str, size: int = Input(default=1, choices=[1])) -> str: ...
"""
WHOLE = (
    '{"components":{"schemas":{"Input":{"properties":{"data":{"title":"Data","type":"object",'
    '"x-order":0},"mode":{"allOf":[{"$ref":"#/components/schemas/mode"}],"default":"ü","x-order":1}'
    '},"required":["data"],"title":"Input","type":"object"},"Output":{"title":"Output",'
    '"type":"string"},"mode":{"description":"An enumeration.","enum":["ü"],"title":"mode",'
    '"type":"string"},"PredictionRequest":{"properties":{"id":{"title":"Id","type":"string"},'
    '"input":{"$ref":"#/components/schemas/Input"}},"title":"PredictionRequest","type":"object"},'
    '"PredictionResponse":{"properties":{"input":{"$ref":"#/components/schemas/Input"},"output":'
    '{"$ref":"#/components/schemas/Output"},"id":{"title":"Id","type":"string"},"version":{"title":'
)

SCHEMA_KEYS = {
    "$ref", "additionalProperties", "allOf", "anyOf", "default", "deprecated", "description",
    "enum", "format", "items", "maxLength", "maximum", "minLength", "minimum", "nullable",
    "pattern", "properties", "required", "title", "type", "writeOnly",
}  # fmt: skip


def as_dict(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def at(document: object, *keys: str) -> object:
    for key in keys:
        document = as_dict(document)[key]
    return document


def faults(schema: object, components: dict[str, object], where: str) -> Iterator[str]:
    """Yield what OpenAPI 3.0.2's Schema Object does not allow."""
    if not isinstance(schema, dict):
        yield f"{where}: not an object"
        return
    for key in schema:
        if key not in SCHEMA_KEYS and not key.startswith("x-"):
            yield f"{where}: unknown keyword {key}"
    if "$ref" in schema:
        if schema["$ref"].removeprefix("#/components/schemas/") not in components:
            yield f"{where}: {schema['$ref']} leads nowhere"
        if len(schema) > 1:
            yield f"{where}: siblings of $ref are ignored"
    kinds = {None, "string", "integer", "number", "boolean", "array", "object"}
    if schema.get("type") not in kinds:
        yield f"{where}: type {schema['type']}"
    if (schema.get("type") == "array") != ("items" in schema):
        yield f"{where}: an array and only an array has items"
    for key in ("required", "enum", "allOf", "anyOf"):
        if key in schema and (not isinstance(schema[key], list) or not schema[key]):
            yield f"{where}: {key} is not a list with something in it"
    if not set(schema.get("required", ())) <= set(schema.get("properties", ())):
        yield f"{where}: requires what it does not have"
    for key, inner in inner_schemas(schema):
        yield from faults(inner, components, f"{where}/{key}")


def inner_schemas(schema: dict[str, object]) -> Iterator[tuple[str, object]]:
    yield from as_dict(schema.get("properties", {})).items()
    yield from ((key, schema[key]) for key in ("items", "additionalProperties") if key in schema)
    for key in ("allOf", "anyOf"):
        variants = schema.get(key, [])
        assert isinstance(variants, list)
        yield from ((f"{key}[{index}]", one) for index, one in enumerate(variants))


def document_faults(document: dict[str, object]) -> Iterator[str]:
    """Yield everything that makes the document no OpenAPI 3.0 document."""
    if set(document) != {"openapi", "info", "paths", "components"}:
        yield "the document's own keys"
    if set(as_dict(document["info"])) != {"title", "version"}:
        yield "info"
    components = as_dict(at(document, "components", "schemas"))
    for name, schema in components.items():
        if not re.fullmatch(r"[a-zA-Z0-9._-]+", name):
            yield f"component name {name}"
        yield from faults(schema, components, name)
    identifiers: list[object] = []
    for path, item in as_dict(document["paths"]).items():
        for operation in as_dict(item).values():
            identifiers.append(as_dict(operation)["operationId"])
            yield from operation_faults(path, as_dict(operation), components)
    if len(set(identifiers)) != len(identifiers):
        yield "operationId stands twice"


def operation_faults(
    path: str, operation: dict[str, object], components: dict[str, object]
) -> Iterator[str]:
    parameters = operation.get("parameters", [])
    assert isinstance(parameters, list)
    named = {one["name"] for one in parameters if one["in"] == "path" and one["required"]}
    if named != set(re.findall(r"{(\w+)}", path)):
        yield f"{path}: path parameters"
    answers = as_dict(operation["responses"])
    bodies = [
        *answers.values(),
        *([operation["requestBody"]] if "requestBody" in operation else []),
    ]
    for body in bodies:
        schema = at(body, "content", "application/json", "schema")
        yield from faults(schema, components, path)
    if any("description" not in as_dict(answer) for answer in answers.values()):
        yield f"{path}: an answer without a description"


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("problems")])
def test_document_is_valid_openapi(name: str) -> None:
    document = openapi(read_case(name), version="1.2.3")
    assert list(document_faults(document)) == []
    assert json.loads(schema_json(document)) == document


def test_check_of_the_document_finds_faults() -> None:
    document = openapi(read_case("choices"), version="1")
    components = as_dict(at(document, "components", "schemas"))
    components["Input"] = {"type": "array", "required": ["x"], "colour": 1}
    components["a b"] = {"$ref": "#/components/schemas/Nothing"}
    assert len(list(document_faults(document))) == 5


def test_text_of_the_document_is_compact_and_in_a_fixed_order() -> None:
    source = with_input("Literal['ü']", "'ü'").replace("*, value", "data: dict, mode")
    document = openapi(read_source(source), version="0.9.1")
    text = schema_json(document)
    assert text.startswith(WHOLE)
    assert '"info":{"title":"Cog","version":"0.9.1"},"openapi":"3.0.2","paths":{"/":{' in text
    assert text == schema_json(openapi(read_source(source), version="0.9.1"))


def test_keys_are_sorted_but_for_properties_and_components() -> None:
    def unsorted(value: object, key: str = "") -> Iterator[str]:
        if isinstance(value, dict):
            if key not in {"properties", "schemas", "default"} and list(value) != sorted(value):
                yield key
            for name, inner in value.items():
                yield from unsorted(inner, name)
        elif isinstance(value, list):
            for inner in value:
                yield from unsorted(inner)

    for name in ("choices", "defaults", "optionals", "inherited", "unions", "constraints"):
        assert list(unsorted(openapi(read_case(name), version="1"))) == []


def test_predictions_and_trainings_stand_side_by_side() -> None:
    predictor = read_source(PREDICT)
    document = openapi(predictor, version="1", train=read_source(PREDICT, "train", "train"))
    assert list(document_faults(document)) == []
    assert document["openapi"] == OPENAPI_VERSION
    assert list(as_dict(document["paths"])) == [
        "/",
        "/health-check",
        "/predictions",
        "/predictions/{prediction_id}/cancel",
        "/trainings",
        "/trainings/{training_id}/cancel",
    ]
    assert list(as_dict(at(document, "components", "schemas"))) == [
        *("Input", "Output", "size", "PredictionRequest", "PredictionResponse"),
        *("Status", "HTTPValidationError", "ValidationError"),
        *("TrainingInput", "TrainingOutput", "size_choices"),
        *("TrainingRequest", "TrainingResponse"),
    ]
    reference = {"$ref": "#/components/schemas/size_choices"}
    size = at(document, "components", "schemas", "TrainingInput", "properties", "size")
    assert as_dict(size)["allOf"] == [reference]


def test_trainings_alone_have_no_predictions() -> None:
    document = openapi(read_source(PREDICT, "train", "train"), version="1")
    assert list(document_faults(document)) == []
    assert "/predictions" not in as_dict(document["paths"])
    assert "Input" not in as_dict(at(document, "components", "schemas"))


def test_streaming_is_marked_on_the_operation() -> None:
    start = at(openapi(read_source(PREDICT), version="1"), "paths", "/predictions", "post")
    assert as_dict(start)["x-cog-streaming"] is True
    assert as_dict(start)["operationId"] == "predict_predictions_post"
    plain = openapi(read_source(PREDICT.replace("@streaming", "")), version="1")
    assert "x-cog-streaming" not in as_dict(at(plain, "paths", "/predictions", "post"))


def test_choices_never_replace_another_component() -> None:
    names = ["Input", "Output", "Status", "ValidationError", "Status_choices", "é"]
    parameters = ", ".join(f"{name}: Literal['{name}'] = '{name}'" for name in names)
    source = with_input("str").replace("value: str", parameters)
    document = openapi(read_source(source), version="1")
    assert list(document_faults(document)) == []
    properties = as_dict(at(document, "components", "schemas", "Input", "properties"))
    for name in names:
        references = at(properties, name, "allOf")
        assert isinstance(references, list)
        component = references[0]["$ref"].removeprefix("#/components/schemas/")
        assert at(document, "components", "schemas", component, "enum") == [name]


def test_predictor_without_inputs() -> None:
    document = openapi(read_source("def go() -> str: ...", "go"), version="1")
    assert at(document, "components", "schemas", "Input") == {
        "properties": {},
        "title": "Input",
        "type": "object",
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [("prompt", "Prompt"), ("num_steps", "Num Steps"), ("_x__y_", "X Y"), ("maxLen", "MaxLen")],
)
def test_title_of_an_input(name: str, expected: str) -> None:
    source = with_input("str").replace("value", name)
    document = openapi(read_source(source), version="1")
    assert at(document, "components", "schemas", "Input", "properties", name, "title") == expected
