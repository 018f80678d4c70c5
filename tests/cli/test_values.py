from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_cli.interface import Interface
from cog_cli.judge import Mismatch, judge
from cog_cli.outputs import decode_data_url
from cog_cli.values import ValueReader, data_url

FILES = {Path("cat.png"): b"png!", Path("notes"): b"n"}
READER = ValueReader(
    Interface((), {}, {"Mode": {"enum": ["a", "b"], "type": "string"}}), FILES.__getitem__
)
INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
STRING = {"type": "string"}
FILE = {"type": "string", "format": "uri"}
BOOLEAN = {"type": "boolean"}
OBJECT = {"type": "object"}


def read(schema: dict[str, Any], *texts: str) -> object:
    return READER.read(texts, schema)


@given(st.integers())
def test_integers_are_exact_whatever_their_size(number: int) -> None:
    assert read(INTEGER, str(number)) == number
    assert read(NUMBER, str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_reach_the_server_as_written(number: float) -> None:
    value = read(NUMBER, repr(number))
    assert json.loads(json.dumps(value)) == number


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (INTEGER, "+7", 7),
        (NUMBER, "1e-3", 0.001),
        (BOOLEAN, "true", True),
        (BOOLEAN, "False", False),
        (BOOLEAN, "0", False),
        (STRING, "5", "5"),
        (STRING, "a=b", "a=b"),
        (STRING, "@ada", "@ada"),
        (STRING, '"quoted text"', "quoted text"),
        (STRING, '"', '"'),
        (STRING, "", ""),
        (OBJECT, '{"a": [1]}', {"a": [1]}),
        ({}, "[1, 2]", [1, 2]),
        ({}, "plain", "plain"),
        (FILE, "https://x.example/a.png", "https://x.example/a.png"),
        (FILE, "data:,x", "data:,x"),
        (FILE, "@cat.png", "data:image/png;base64,cG5nIQ=="),
        (FILE, "@notes", "data:application/octet-stream;base64,bg=="),
    ],
    ids=str,
)
def test_a_text_becomes_what_the_schema_wants(
    schema: dict[str, Any], text: str, value: object
) -> None:
    assert read(schema, text) == value


@pytest.mark.parametrize(
    ("schema", "text", "message"),
    [
        (INTEGER, "1.5", 'expected integer, got string "1.5"'),
        (INTEGER, "1_000", "expected integer, got string"),
        (INTEGER, "9" * 5000, "an integer of 5000 digits is too long"),
        (NUMBER, "nan", 'expected number, got string "nan"'),
        (NUMBER, "inf", "expected number, got string"),
        (NUMBER, "1_0.5", "expected number, got string"),
        (BOOLEAN, "yes", 'expected boolean, got string "yes"'),
        (OBJECT, "[1]", "expected object, got array"),
        (OBJECT, "{", 'expected object, got string "{"'),
        (FILE, "cat.png", "for a file write -i NAME=@cat.png"),
    ],
    ids=str,
)
def test_a_text_of_another_type_is_refused(schema: dict[str, Any], text: str, message: str) -> None:
    with pytest.raises(Mismatch, match=message):
        read(schema, text)


@pytest.mark.parametrize(
    ("schema", "text", "message"),
    [
        ({**INTEGER, "minimum": 1}, "0", "must be at least 1"),
        ({**NUMBER, "maximum": 0.5}, "0.6", "must be at most 0.5"),
        ({**STRING, "minLength": 2}, "x", "must be at least 2 characters long"),
        ({**STRING, "maxLength": 2}, "xyz", "must be at most 2 characters long"),
        ({**STRING, "enum": ["a", "b"]}, "c", "must be one of: a, b"),
        ({**INTEGER, "enum": [1, 2]}, "3", "must be one of: 1, 2"),
    ],
    ids=str,
)
def test_bounds_and_choices_are_checked_before_anything_starts(
    schema: dict[str, Any], text: str, message: str
) -> None:
    with pytest.raises(Mismatch, match=message):
        read(schema, text)


def test_bounds_include_their_ends() -> None:
    assert read({**INTEGER, "minimum": 1, "maximum": 1}, "1") == 1


def test_a_list_is_json_or_one_element_after_the_other() -> None:
    numbers = {"type": "array", "items": INTEGER}
    assert read(numbers, "[1, 2]") == [1, 2]
    assert read(numbers, "1", "2") == [1, 2]
    assert read(numbers, "1") == [1]


def test_files_of_a_list_are_read_each() -> None:
    files = {"type": "array", "items": FILE}
    assert read(files, "@cat.png", "data:,x") == ["data:image/png;base64,cG5nIQ==", "data:,x"]


def test_the_items_of_a_list_may_be_described_elsewhere() -> None:
    modes = {"type": "array", "items": {"$ref": "#/components/schemas/Mode"}}
    assert read(modes, "a", "b") == ["a", "b"]
    with pytest.raises(Mismatch, match="must be one of: a, b"):
        read(modes, "c")


def test_a_value_given_twice_must_be_a_list() -> None:
    with pytest.raises(Mismatch, match="given 2 times, but it is no list"):
        read(INTEGER, "1", "2")


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("true", True), ("[1]", [1]), ("x", "x")], ids=str
)
def test_of_several_types_the_narrowest_that_fits_is_taken(text: str, value: object) -> None:
    variants = [STRING, INTEGER, BOOLEAN, {"type": "array", "items": INTEGER}]
    assert read({"anyOf": variants}, text) == value


def test_a_text_that_fits_none_of_the_types_is_refused() -> None:
    with pytest.raises(Mismatch, match='expected integer or boolean, got string "x"'):
        read({"anyOf": [INTEGER, BOOLEAN]}, "x")


@given(st.binary())
def test_any_content_survives_a_data_url(content: bytes) -> None:
    assert decode_data_url(data_url(Path("x.bin"), content))[1] == content


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (INTEGER, 3.0),
        (NUMBER, 3),
        ({**STRING, "nullable": True}, None),
        ({"enum": ["a"], "type": "string", "nullable": True}, None),
        ({"anyOf": [{**STRING, "nullable": True}, INTEGER]}, None),
        ({}, None),
        ({"type": "array", "items": INTEGER}, []),
        ({**STRING, "pattern": "^a+$"}, "aa"),
    ],
    ids=str,
)
def test_a_value_that_fits_passes(schema: dict[str, Any], value: object) -> None:
    judge(value, schema, READER.model)


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (INTEGER, True, "expected integer, got boolean true"),
        (INTEGER, 1.5, r"expected integer, got number 1\.5"),
        (STRING, None, "must not be null"),
        (INTEGER, "x" * 100, "expected integer, got string$"),
        ({"type": "array", "items": INTEGER}, [1, "x"], 'expected integer, got string "x"'),
        ({**INTEGER, "enum": [1, 2]}, True, "expected integer"),
        ({"enum": [1, 2]}, True, "must be one of: 1, 2"),
        ({"anyOf": [INTEGER, BOOLEAN]}, None, "expected integer or boolean, got null"),
        ({**STRING, "pattern": "^a+$"}, "b", "does not match"),
        ({**STRING, "format": "password"}, 12345, "expected string, got integer$"),
        ({"anyOf": [{**STRING, "format": "password"}]}, 12345, "got integer$"),
    ],
    ids=str,
)
def test_a_value_that_does_not_fit_is_told_why(
    schema: dict[str, Any], value: object, message: str
) -> None:
    with pytest.raises(Mismatch, match=message):
        judge(value, schema, READER.model)
