from __future__ import annotations

import json
from pathlib import Path

import pytest

from cog_cli.errors import CliError, UsageProblem
from cog_cli.inputs import InputProblem, parse_document, parse_inputs, split_pair
from cog_cli.interface import Interface, interface, resolve
from tests.cli.conftest import openapi

MODEL = interface(
    openapi(
        {
            "prompt": {"type": "string", "description": "What to\n paint"},
            "seed": {"type": "integer"},
            "image": {"type": "string", "format": "uri"},
        },
        {"type": "string"},
        "prompt",
    )
)


def no_file(path: Path) -> bytes:
    raise FileNotFoundError(2, "No such file or directory", str(path))


def problems(*pairs: tuple[str, str], model: Interface = MODEL) -> list[str]:
    with pytest.raises(InputProblem) as caught:
        parse_inputs(pairs, model, no_file)
    return str(caught.value).splitlines()


def test_inputs_come_in_the_models_order() -> None:
    values = parse_inputs([("seed", "3"), ("prompt", "a cat")], MODEL, no_file)
    assert list(values.items()) == [("prompt", "a cat"), ("seed", 3)]


def test_an_unknown_input_lists_the_valid_ones_and_the_near_one() -> None:
    (line,) = problems(("promt", "x"), ("prompt", "y"))
    assert line == (
        'unknown input "promt"; valid inputs are: prompt, seed, image (did you mean "prompt"?)'
    )


def test_a_name_that_is_near_nothing_gets_no_suggestion() -> None:
    assert "did you mean" not in problems(("zzz", "x"), ("prompt", "y"))[0]


def test_a_missing_required_input_says_what_it_is_for() -> None:
    assert problems() == ['missing required input "prompt" (What to paint)']


def test_an_input_with_a_bad_value_is_not_called_missing_too() -> None:
    model = interface(openapi({"n": {"type": "integer"}}, {}, "n"))
    assert problems(("n", "x"), model=model) == [
        'invalid input "n": expected integer, got string "x"'
    ]


def test_everything_wrong_is_said_at_once() -> None:
    lines = problems(("sed", "1"), ("seed", "x"), ("image", "@no.png"))
    assert [line.split('"')[1] for line in lines] == ["sed", "seed", "image", "prompt"]
    assert lines[2] == 'invalid input "image": cannot read no.png: No such file or directory'


def test_a_model_without_inputs_says_so() -> None:
    model = interface(openapi({}, {}))
    assert problems(("a", "1"), model=model) == ['unknown input "a"; the model takes no inputs']


@pytest.mark.parametrize(
    ("text", "pair"),
    [("a=b", ("a", "b")), ("a=", ("a", "")), (" a =b=c ", ("a", "b=c "))],
)
def test_a_pair_is_split_at_the_first_equals_sign(text: str, pair: tuple[str, str]) -> None:
    assert split_pair(text) == pair


@pytest.mark.parametrize("text", ["a", "=b", ""])
def test_a_pair_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="is not of the form name=value"):
        split_pair(text)


def test_a_document_keeps_its_values() -> None:
    text = '{"prompt": "x", "seed": 12345678901234567890}'
    assert parse_document(text, MODEL) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "--json is not JSON"),
        ('{"prompt": "", "seed": NaN}', "--json is not JSON: NaN is no JSON number"),
        ('{"prompt": 5}', 'invalid input "prompt": expected string, got integer 5'),
        ('{"prompt": "", "seed": "x"}', 'invalid input "seed": expected integer, got string "x"'),
        (
            '{"prompt": null}',
            r'"prompt": must not be null \(omit the input to use its default\)',
        ),
        ('{"prompt": "", "image": "cat.png"}', 'invalid input "image": expected a file or a URL'),
        ("[]", "--json must be an object of inputs"),
        ('{"sed": 1, "prompt": ""}', 'unknown input "sed"'),
        ("{}", 'missing required input "prompt"'),
    ],
)
def test_a_document_of_another_shape_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputProblem, match=message):
        parse_document(text, MODEL)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"components": {"schemas": {}}}', "{"])
def test_a_label_that_describes_no_model_is_refused(text: str) -> None:
    with pytest.raises(CliError, match="does not describe a model"):
        interface(text)


def test_choices_are_found_behind_their_reference() -> None:
    components = {"mode": {"enum": ["a"], "type": "string"}}
    schema = {"allOf": [{"$ref": "#/components/schemas/mode"}], "default": "a"}
    assert resolve(schema, components) == {"enum": ["a"], "type": "string", "default": "a"}


def test_a_reference_to_itself_ends() -> None:
    assert "$ref" in resolve({"$ref": "#/x/a"}, {"a": {"$ref": "#/x/a"}})
