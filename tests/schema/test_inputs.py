"""Inputs one by one: what is required, what a default must keep to, where a problem points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.errors import ProjectError, Span
from cog_frontend.schema import InputField
from tests.schema.reading import problem, problems, read_files, read_source, with_input

small = st.none() | st.integers(-3, 3)


def only_input(annotation: str, default: str = "", extra: str = "") -> InputField:
    (field,) = read_source(with_input(annotation, default, extra)).inputs
    return field


@given(st.integers(-3, 3), small, small)
def test_default_is_refused_exactly_when_it_is_out_of_bounds(
    default: int, ge: int | None, le: int | None
) -> None:
    source = with_input("int", f"Input(default={default}, ge={ge}, le={le})")
    sound = (ge is None or default >= ge) and (le is None or default <= le)
    try:
        (field,) = read_source(source).inputs
    except ProjectError:
        assert not sound
    else:
        assert sound
        assert (field.default, field.ge, field.le) == (default, ge, le)


@given(st.text(max_size=5), small.filter(lambda n: n is None or n >= 0), st.integers(0, 5))
def test_text_is_refused_exactly_when_its_length_is_out_of_bounds(
    default: str, least: int | None, most: int
) -> None:
    given_ = f"Input(default={default!r}, min_length={least}, max_length={most})"
    sound = (least or 0) <= len(default) <= most
    if sound:
        assert only_input("str", given_).default == default
    else:
        assert problems({"predict.py": with_input("str", given_)})


@given(st.lists(st.integers(-2, 2), min_size=1, max_size=4), st.integers(-2, 2))
def test_default_is_refused_exactly_when_it_is_no_choice(choices: list[int], default: int) -> None:
    source = with_input("int", f"Input(default={default}, choices={choices})")
    if default in choices:
        (field,) = read_source(source).inputs
        assert field.choices == tuple(dict.fromkeys(choices))
    else:
        assert "is not one of" in problem(source)


@pytest.mark.parametrize(
    ("annotation", "default", "required", "has_default"),
    [
        ("str", "", True, False),
        ("str", "Input()", True, False),
        ("str", "'x'", False, True),
        ("str", "None", True, False),
        ("str", "Input(default=None)", True, False),
        ("str", "Input(default=...)", True, False),
        ("str", "Input(...)", True, False),
        ("Optional[str]", "", False, False),
        ("Optional[str]", "None", False, False),
        ("Optional[str]", "Input(default=...)", True, False),
        ("Optional[str]", "'x'", False, True),
        ("Secret", "", True, False),
        ("Secret", "Input(description='x')", True, False),
        ("Secret", "None", False, True),
        ("Secret", "Input(default=None)", False, True),
        ("Secret", "Input(default=...)", True, False),
    ],
)
def test_when_an_input_is_required(
    annotation: str, default: str, *, required: bool, has_default: bool
) -> None:
    field = only_input(annotation, default)
    assert (field.required, field.has_default) == (required, has_default)


def test_default_of_none_on_a_type_without_none_is_a_warning() -> None:
    (warning,) = read_source(with_input("int", "Input(default=None)")).warnings
    assert warning.message == "input value: None is not int, so the input must be given"
    assert warning.hint == "write `value: int | None` where it may be left out"
    assert read_source(with_input("int | None", "None")).warnings == ()
    assert read_source(with_input("int", "Input()")).warnings == ()


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("int", "3.0"), ("float", "3"), ("Path", "'a.png'"), ("list[str]", "()"), ("dict", "{}"),
        ("list[float]", "[1, 2.5]"), ("int | str", "'a'"), ("list[str] | str", "['a']"),
        ("bool", "False"), ("Literal[1, 2]", "2"), ("Literal[True]", "True"),
    ],
)  # fmt: skip
def test_default_that_has_the_type(annotation: str, value: str) -> None:
    assert only_input(annotation, value).has_default


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("int", "True"), ("int", "3.5"), ("float", "'3'"), ("bool", "1"), ("str", "1"),
        ("Path", "1"), ("list[str]", "'a'"), ("list[int]", "[True]"), ("dict", "[]"),
        ("Any", "'x'"),
        ("int | str", "1.5"), ("Literal[1]", "True"), ("Literal[1]", "2"), ("Literal['a']", "'b'"),
        ("list[Literal['a']]", "['b']"), ("list[Literal['a']]", "'a'"),
    ],
)  # fmt: skip
def test_default_that_has_another_type_is_a_problem(annotation: str, value: str) -> None:
    assert "input value: the default" in problem(with_input(annotation, value))


@pytest.mark.parametrize(
    "before",
    [
        "import sys\nsys.path.append('x')\nX = sys.maxsize",
        "import os\nos.environ['A'] = '1'\nX = 1",
        "X = 1\ndef f(): X = 2",
        "X = 1\nclass Other: X = 2",
        "try:\n    X = 1\nfinally:\n    pass",
        "with open('x') as file:\n    X = 1",
        "if TYPE_CHECKING:\n    X = 1",
        "class Other: pass\nOther.x = 2\nX = 1",
    ],
)
def test_constant_that_other_statements_leave_alone(before: str) -> None:
    assert only_input("int", "X", before).has_default


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("X = [1]\nX.append(2)", "is changed in line 4"),
        ("X = [1]\nX[0] = 2", "is changed in line 4"),
        ("X = [1]\nX += [2]", "is changed in line 4"),
        ("X = [1]\ndel X", "is changed in line 4"),
        ("X = 5\nif X: X = [1]", "is set under a condition in line 4"),
        ("if 1:\n    X = [1]\nelse:\n    X = [2]", "is set under a condition in line 3"),
        ("try:\n    X = [1]\nexcept OSError:\n    X = [2]", "is set under a condition in line 3"),
        ("while True:\n    X = [1]", "is set in a loop in line 3"),
        ("for X in [[1]]: pass", "is set in a loop in line 3"),
        ("with open('x') as X: pass", "is set by a `with` statement"),
        ("X, Y = f()", "is unpacked from another value in line 3"),
        ("X, *Y = 1, 2", "is unpacked from another value in line 3"),
        ("from .consts import X", "is imported from a file that is not in ./"),
        ("from ..consts import X", "is imported from outside the project"),
        ("X: list[int]", "is not defined in this file"),
    ],
)
def test_constant_that_depends_on_running_the_code_is_a_problem(before: str, reason: str) -> None:
    assert f"`X` {reason}" in problem(with_input("list[int]", "X", before))


def test_name_that_an_imported_file_lacks_names_that_file() -> None:
    files = {"predict.py": with_input("int", "LIMT", "from consts import LIMT"), "consts.py": ""}
    (only,) = problems(files)
    assert only.message == "input value: `LIMT` is not defined in consts.py"


def test_problem_in_a_file_that_is_imported_points_into_that_file() -> None:
    files = {
        "predict.py": with_input("str", "prompt(5)", "from inputs import prompt"),
        "inputs.py": "from cog import Input\ndef prompt(n):\n    return Input(max_length=n, le=2)",
    }
    (only,) = problems(files)
    assert (only.file, only.span) == ("inputs.py", Span(3, 3, 35, 35))


def test_infinite_bound_is_no_bound() -> None:
    field = only_input("float", "Input(ge=-math.inf, le=float('inf'))", "import math")
    assert (field.ge, field.le) == (None, None)
    assert "inf is not a JSON number" in problem(with_input("int", "Input(ge=float('inf'))"))


def test_helper_that_does_more_than_return_an_input_is_a_problem() -> None:
    helper = "def prompt():\n    x = 1\n    return Input(default=x)\n"
    assert "the result of `prompt()` is not known" in problem(with_input("int", "prompt()", helper))


@pytest.mark.parametrize(
    "helper",
    [
        "def h(): return h()",
        "def h(): return g()\ndef g(): return h()",
        "def h(x=1, **k): return Input(**k, **k)\n",
        "h = Input",
        "h = lambda: Input()",
    ],
)
def test_odd_helpers_are_read_or_refused(helper: str) -> None:
    try:
        read_files({"predict.py": with_input("str", "h()", helper)})
    except ProjectError as error:
        assert len(error.problems) == 1


def test_all_problems_are_reported_at_once_in_the_order_of_the_file() -> None:
    source = with_input("Nope", "Input(ge=f(), le='x', choices=[], nothing=1)")
    found = problems({"predict.py": source})
    assert len(found) == 5
    columns = [one.span.start_column for one in found if one.span]
    assert columns == sorted(columns)
