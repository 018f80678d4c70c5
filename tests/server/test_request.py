from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog.server.request import (
    MAX_DEPTH,
    BadRequest,
    InvalidInput,
    PredictionRequest,
    checked_input,
    parse_request,
)

JSON = "application/json"


def refusal(body: bytes, content_type: str | None = JSON) -> tuple[int, str]:
    with pytest.raises(BadRequest) as caught:
        parse_request(content_type.encode() if content_type is not None else None, body)
    return caught.value.status, str(caught.value)


@pytest.mark.parametrize(
    "content_type",
    [None, JSON, "APPLICATION/JSON", "application/json; charset=utf-8", "application/problem+json"],
)
def test_a_request_is_read(content_type: str | None) -> None:
    body = b'{"id": "a", "input": {"n": 3}, "context": {"k": "v"}, "created_at": 5}'

    assert parse_request(
        content_type.encode() if content_type is not None else None, body
    ) == PredictionRequest(id="a", input={"n": 3}, context={"k": "v"})


def test_no_body_at_all_is_a_request_without_input() -> None:
    assert parse_request(None, b"") == PredictionRequest()


@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/json", "application/x-www-form-urlencoded", "", "json"]
)
def test_other_content_types_are_415(content_type: str) -> None:
    assert refusal(b"{}", content_type) == (
        415,
        "Expected request with `Content-Type: application/json`",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"input":',
        b'{"input":{"a":1,}}',
        b"{} x",
        b'{"input":{"n":NaN}}',
        b'{"input":{"s":"\xff"}}',
        b"\xef\xbb\xbf{}",
        b'{"input":{"s":"\\ud800"}}',
        b'{"input":' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"input":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"ignored":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_not_json_is_400(body: bytes) -> None:
    status, text = refusal(body)
    assert (status, text.startswith("Failed to parse the request body as JSON: ")) == (400, True)


@pytest.mark.parametrize(
    "body",
    [b'{"id":5}', b'{"context":{"a":1}}', b'{"context":[]}', b"[1]", b"null", b'"x"', b"5"],
)
def test_fields_of_the_wrong_type_are_422(body: bytes) -> None:
    status, text = refusal(body)
    assert status == 422
    assert text.startswith("Failed to deserialize the JSON body into the target type: ")


def test_nesting_has_a_limit() -> None:
    def body(levels: int) -> bytes:
        return b'{"input":' + b"[" * levels + b"]" * levels + b"}"

    parse_request(JSON.encode(), body(MAX_DEPTH - 1))
    assert refusal(body(MAX_DEPTH))[0] == 400


def test_integers_may_be_large() -> None:
    assert parse_request(JSON.encode(), b'{"input": 123456789012345678901234567890}').input == (
        123456789012345678901234567890
    )


@given(st.binary())
def test_any_body_gets_an_answer(body: bytes) -> None:
    try:
        parse_request(JSON.encode(), body)
    except BadRequest as refused:
        assert refused.status in {400, 422}


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_inputs_arrive_as_they_were_sent(value: object) -> None:
    assert parse_request(JSON.encode(), json.dumps({"input": value}).encode()).input == value


def test_without_a_schema_every_object_is_an_input() -> None:
    assert checked_input({"a": 1}, None) == ({"a": 1}, [])
    assert checked_input(None, None) == ({}, [])


@pytest.mark.parametrize("given", ["x", [1], 5, True, "x" * 10_000])
def test_an_input_that_is_no_object_is_invalid(given: object) -> None:
    with pytest.raises(InvalidInput, match='is not of type "object"') as caught:
        checked_input(given, None)
    (fault,) = caught.value.faults
    assert fault.loc == ("__root__",)
    assert len(fault.msg) < 300
