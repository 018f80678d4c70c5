from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog.server.keywords import Fault, SchemaError
from cog.server.schema import InputSchema


def schema(properties: dict[str, Any], **more: Any) -> InputSchema:
    definitions = {"Input": {"type": "object", "properties": properties}, **more}
    return InputSchema({"components": {"schemas": definitions}})


def faults(node: dict[str, Any], value: object, **more: Any) -> list[str]:
    return [fault.msg for fault in schema({"x": node}, **more).faults({"x": value})]


@pytest.mark.parametrize(
    ("node", "value", "message"),
    [
        ({"type": "string"}, 5, '5 is not of type "string"'),
        ({"type": "string"}, None, 'null is not of type "string"'),
        ({"type": "integer"}, 3.5, '3.5 is not of type "integer"'),
        ({"type": "integer"}, "3", '"3" is not of type "integer"'),
        ({"type": "integer"}, True, 'true is not of type "integer"'),
        ({"type": "number"}, False, 'false is not of type "number"'),
        ({"type": "boolean"}, 1, '1 is not of type "boolean"'),
        ({"type": "object"}, [1], '[1] is not of type "object"'),
        ({"type": "array", "items": {}}, {}, '{} is not of type "array"'),
        ({"enum": ["a", "b"]}, "z", '"z" is not one of ["a","b"]'),
        ({"enum": [1]}, True, "true is not one of [1]"),
        ({"maximum": 10}, 11, "11 is greater than the maximum of 10"),
        ({"minimum": 0.5}, 0, "0 is less than the minimum of 0.5"),
        ({"minLength": 3}, "ab", '"ab" is shorter than 3 characters'),
        ({"maxLength": 1}, "ab", '"ab" is longer than 1 character'),
        ({"minItems": 1}, [], "[] has less than 1 item"),
        ({"maxItems": 2}, [1, 2, 3], "[1,2,3] has more than 2 items"),
        ({"pattern": "^a+$"}, "b", '"b" does not match "^a+$"'),
        (
            {"type": "string", "format": "uri"},
            "/etc/passwd",
            '"/etc/passwd" is not a "uri" (expected an http, https or data URL)',
        ),
        (
            {"type": "string", "format": "uri"},
            "file:///etc/passwd",
            '"file:///etc/passwd" is not a "uri" (expected an http, https or data URL)',
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]},
            -1,
            "-1 is not valid under any of the schemas listed in the 'anyOf' keyword",
        ),
        ({"type": "integer", "nullable": False}, None, 'null is not of type "integer"'),
    ],
)
def test_what_does_not_fit_is_said_as_cog_says_it(
    node: dict[str, Any], value: object, message: str
) -> None:
    assert faults(node, value) == [message]


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"type": "integer"}, 3.0),
        ({"type": "integer"}, 10**40),
        ({"type": "number"}, 3),
        ({"type": "string", "nullable": True}, None),
        ({"type": "string", "format": "password"}, "x"),
        ({"type": "string", "format": "uri"}, "HTTPS://example.com/a.png"),
        ({"type": "string", "format": "uri"}, "data:text/plain,hi\nthere"),
        ({"type": "string", "format": "uri", "nullable": True}, None),
        ({"pattern": "b"}, "abc"),
        ({"maxLength": 1}, "é"),
        ({"maximum": 3}, "not a number"),
        ({"minLength": 3}, 1),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, 1),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1}),
        ({"title": "X", "x-order": 1, "default": 3, "deprecated": True}, "anything"),
    ],
)
def test_what_fits_passes(node: dict[str, Any], value: object) -> None:
    assert faults(node, value) == []


def test_choices_are_found_behind_their_reference() -> None:
    node = {"default": "a", "allOf": [{"$ref": "#/components/schemas/mode"}]}
    mode = {"type": "string", "enum": ["a", "b"]}

    assert faults(node, "a", mode=mode) == []
    assert faults(node, "c", mode=mode) == ['"c" is not one of ["a","b"]']
    assert faults({**node, "nullable": True}, None, mode=mode) == []


def test_faults_inside_lists_and_objects_say_where() -> None:
    node = {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}},
            "additionalProperties": False,
        },
    }
    found = schema({"x": node}).faults({"x": [{"name": "a"}, {"name": 1, "extra": 2}, {}]})

    assert found == [
        Fault(("x", 1, "extra"), "Extra inputs are not permitted"),
        Fault(("x", 1, "name"), '1 is not of type "string"'),
        Fault(("x", 2, "name"), "Field required", "value_error.missing"),
    ]


def test_additional_properties_may_have_a_schema() -> None:
    node = {"type": "object", "additionalProperties": {"type": "integer"}}
    found = schema({"x": node}).faults({"x": {"a": "one"}})

    assert found == [Fault(("x", "a"), '"one" is not of type "integer"')]


def test_all_faults_are_reported_in_the_order_of_names() -> None:
    one = InputSchema(
        {
            "components": {
                "schemas": {
                    "Input": {
                        "required": ["s"],
                        "properties": {
                            "s": {"type": "string"},
                            "n": {"type": "integer", "maximum": 10},
                            "c": {"enum": ["a"]},
                        },
                    }
                }
            }
        }
    )
    assert [fault.loc for fault in one.faults({"n": 11, "c": "z"})] == [("c",), ("n",), ("s",)]


def test_a_definition_may_contain_itself() -> None:
    tree = {"type": "array", "items": {"$ref": "#/components/schemas/tree"}}
    node = {"$ref": "#/components/schemas/tree"}

    assert faults(node, [[], [[]]], tree=tree) == []
    assert faults(node, [[], [1]], tree=tree) == ['1 is not of type "array"']


def test_long_values_are_cut() -> None:
    (message,) = faults({"type": "integer"}, "x" * 1_000_000)
    assert len(message) < 300


def test_secrets_are_not_quoted() -> None:
    node = {"type": "string", "format": "password", "minLength": 20}
    assert faults(node, "hunter2") == ['"**********" is shorter than 20 characters']


def test_secrets_are_hidden_wherever_they_are() -> None:
    secret = {"type": "string", "format": "password"}
    checked = schema(
        {
            "plain": {"type": "string"},
            "one": secret,
            "many": {"type": "array", "items": secret},
            "either": {"anyOf": [{"type": "integer"}, secret]},
        }
    )
    given: dict[str, object] = {"plain": "a", "one": "b", "many": ["c"], "either": "d"}
    assert checked.hide_secrets(given) == {
        "plain": "a",
        "one": "**********",
        "many": "**********",
        "either": "**********",
    }


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"x": {"$ref": "#/components/schemas/gone"}}, "refers to nothing"),
        ({"x": {"pattern": "("}}, "pattern"),
        ({"x": {"type": "text"}}, "not a JSON type"),
        ({"x": {"enum": "a"}}, "expected a list"),
        ({"x": {"minimum": "0"}}, "expected a number"),
        ({"x": []}, "expected a schema"),
        ({"x": {"items": []}}, "expected a schema"),
    ],
)
def test_a_broken_document_is_refused_at_once(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        schema(properties)


@pytest.mark.parametrize("document", [None, [], {}, {"components": {"schemas": {}}}])
def test_a_document_without_inputs_is_refused(document: object) -> None:
    with pytest.raises(SchemaError):
        InputSchema(document)


CASES = Path(__file__).parents[1] / "schema" / "cases"


@pytest.mark.parametrize("case", sorted(CASES.glob("*.json")), ids=lambda case: case.stem)
def test_what_the_frontend_writes_is_understood(case: Path) -> None:
    components = json.loads(case.read_text()).get("components", {})
    for name in components.keys() & {"Input", "TrainingInput"}:
        found = InputSchema({"components": {"schemas": components}}, name).faults({})
        assert {fault.msg for fault in found} <= {"Field required"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON, JSON)
def test_any_value_gets_an_answer_that_can_be_sent(one: object, other: object) -> None:
    checked = schema(
        {
            "a": {"type": "array", "items": {"type": "string", "minLength": 2}},
            "b": {"anyOf": [{"type": "integer"}, {"type": "object"}], "nullable": True},
        }
    )
    for fault in checked.faults({"a": one, "b": other}):
        json.dumps({"loc": fault.loc, "msg": fault.msg})
