"""What an expression is worth, worked out without running it, is what Python says it is worth."""

from __future__ import annotations

import ast
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.schema.constants import Constants
from cog_frontend.schema.names import Scope, module_of
from cog_frontend.schema.project import Project
from cog_frontend.schema.source import Refusal, parse
from tests.schema.reading import problem, read_source, with_input

SETUP = """
import math
import textwrap
NAME = "sun"
ONE, (TWO, THREE) = 1, [2, 3]
FIRST = SECOND = 5
SIZES = ["small", "large"]
TABLE = {"a": 1, "b": [2, 3]}
PAIRS = [("x", 1), ("y", 2)]
class Limits:
    LOW = -1
    class Inner:
        HIGH = 99
"""


def no_files(path: str) -> None:
    """Give no file: everything stands in the one that is read."""


def worked_out(expression: str, setup: str = SETUP) -> object:
    module = module_of(parse(setup.encode(), "consts.py"))
    node = ast.parse(expression, mode="eval").body
    return Constants(Project(no_files)).value(node, Scope(module))


def really(expression: str, setup: str = SETUP) -> object:
    names: dict[str, object] = {}
    exec(setup, names)
    return eval(expression, names)


@pytest.mark.parametrize(
    "expression",
    [
        "1", "-1.5", "+2", "~5", "not 0", "'a' 'b'", "None", "True", "1e3", "0xff", "1_000", "...",
        "1 + 2 * 3", "7 // 2", "7 % 3", "7 / 2", "2 ** 10", "2 ** -1", "1 << 31", "6 >> 1",
        "6 & 3", "6 | 1", "6 ^ 3", "[1] + [2]", "'ab' * 2", "3 * [0]", "{'a': 1} | {'b': 2}",
        "NAME", "ONE + TWO + THREE", "FIRST * SECOND", "SIZES + ['x']", "[*SIZES, NAME]",
        "Limits.LOW", "Limits.Inner.HIGH", "TABLE['a']", "TABLE['b'][1]", "SIZES[-1]", "NAME[::-1]",
        "SIZES[0:1]", "list(TABLE)", "list(TABLE.keys())", "list(TABLE.values())",
        "list(TABLE.items())", "tuple(SIZES)", "dict(PAIRS)", "dict(TABLE, c=3)", "dict(a=1)",
        "sorted(SIZES)", "sorted([3, 1], reverse=True)", "list(reversed(SIZES))", "len(SIZES)",
        "str(1.5)", "int('7')", "float('0.5')", "bool([])", "abs(-3)", "round(2.567, 1)",
        "sum([1, 2.5])", "min(3, 2)", "max([1, 5])", "list(range(3))", "list(range(1, 9, 3))",
        "', '.join(SIZES)", "' a '.strip()", "'a'.upper()", "'A b'.lower()", "'a,b'.split(',')",
        "'a b'.title()", "f'{NAME}: {ONE}'", "f'{ONE}{SIZES[0]}'", "f''",
        "[x for x in SIZES]", "[x.upper() for x in SIZES if x != 'small']",
        "[f'{k}={v}' for k, v in PAIRS]", "{k: v for k, v in PAIRS}", "list(x for x in SIZES)",
        "ONE if TWO > 1 else THREE", "ONE or TWO", "0 or NAME", "ONE and TWO", "0 and NAME",
        "NAME in SIZES", "NAME not in SIZES", "ONE == 1", "ONE != 1", "ONE <= TWO", "ONE is None",
        "NAME is not None", "{**TABLE, 'c': 3}", "math.pi", "textwrap.dedent(' a\\n b')",
    ],
)  # fmt: skip
def test_expression_is_worth_what_python_says(expression: str) -> None:
    assert worked_out(expression) == really(expression)


def test_sets_keep_the_order_of_the_source_and_each_value_once() -> None:
    assert worked_out("{'b', 'a', 'b'}") == ("b", "a")
    assert worked_out("set(['b', 'a', 'b'])") == ("b", "a")
    assert worked_out("{x for x in ['b', 'a', 'b']}") == ("b", "a")
    assert worked_out("{1, True, 1.0}") == (1, True, 1.0)


@pytest.mark.parametrize(
    "expression",
    [
        "unknown", "print", "math", "math.sqrt(2)", "open('x').read()", "lambda: 1", "(x := 1)",
        "1 / 0", "1 % 0", "[][0]", "{}['a']", "'a' + 1", "-'a'", "int('x')", "SIZES.append(1)",
        "SIZES.unknown", "NAME.unknown()", "f'{NAME!r}'", "f'{ONE:03}'", "'%s' % NAME",
        "[x for x in SIZES for y in SIZES]", "1 < 2 < 3", "[][1:2:0]", "SIZES['a']", "TABLE[1:2]",
        "sum(['a'])", "sorted([1, 'a'])", "''.join([1])", "range('a')", "dict(**TABLE)",
        "dict([1])", "[*1]", "{**1}", "{[]: 1}", "(-8) ** 0.5", "await x", "Limits",
        "Limits.UNKNOWN", "abs('a')", "min([])", "len(5)", "str([1])", "[x for x in 5]",
        "[a for a, b in SIZES]",
    ],
)  # fmt: skip
def test_what_is_not_known_before_the_code_runs_is_refused(expression: str) -> None:
    with pytest.raises(Refusal):
        worked_out(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "'a' * 10**9", "[0] * 10**9", "10**9 * [0]", "10 ** 10 ** 10", "1 << 10**9", "2 ** 10**6",
        "list(range(10**12))", "9 ** 9 ** 9", "b'a' * 10**9", "'a' * 9999 + 'a' * 99999",
        "[y for y in [x for x in range(99999)]]", "int('9' * 5000)", "7 ** 4000 * 7 ** 4000",
    ],
)  # fmt: skip
def test_what_would_grow_without_bounds_is_refused(expression: str) -> None:
    with pytest.raises(Refusal):
        worked_out(expression)


@pytest.mark.parametrize(
    "step", ["X{n} = X{m} + X{m}", "X{n} = [X{m}, X{m}]", "X{n} = max(X{m}, X{m})"]
)
def test_names_that_double_at_each_step_come_to_an_end(step: str) -> None:
    lines = [step.format(n=n, m=n - 1) for n in range(1, 35)]
    source = with_input("list", "X34", "\n".join(["X0 = [1]", *lines]))
    assert "input value" in problem(source.replace("value: list", "value: list[int]"))


@pytest.mark.parametrize("value", ["b'x'", "float('nan')", "-math.inf", "'\\ud800'", "...", "1j"])
def test_what_json_cannot_hold_is_refused(value: str) -> None:
    module = module_of(parse(b"import math", "consts.py"))
    node = ast.parse(value, mode="eval").body
    with pytest.raises(Refusal):
        Constants(Project(no_files)).json(node, Scope(module))


def test_members_of_enums_are_their_values() -> None:
    setup = (
        "from enum import Enum, IntEnum, StrEnum, auto\n"
        "class Color(str, Enum):\n    RED = 'red'\n    BLUE = 'blue'\n    CRIMSON = RED\n"
        "class Level(IntEnum):\n    LOW = auto()\n    MID = 5\n    TOP = auto()\n"
        "class Shade(StrEnum):\n    DARK = auto()\n"
    )
    for expression in (
        "Color.RED.value", "Color.BLUE.name", "[c.value for c in Color]", "[c.name for c in Level]",
        "[s.value for s in Shade]", "[level.value for level in Level]",
        "[c.value for c in list(Color)]",
    ):  # fmt: skip
        assert worked_out(expression, setup) == really(expression, setup)


numbers = st.integers(-9, 9).map(str) | st.sampled_from(["0.5", "1.5", "X", "Y"])
operators = st.sampled_from(["+", "-", "*", "/", "//", "%"])
arithmetic = st.recursive(
    numbers,
    lambda inner: (
        st.tuples(inner, operators, inner).map(lambda parts: f"({' '.join(parts)})")
        | inner.map(lambda text: f"-{text}")
        | st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})")
    ),
    max_leaves=12,
)


@given(arithmetic)
def test_arithmetic_is_worth_what_python_says(expression: str) -> None:
    setup = "X = 3\nY = -0.25\n"
    try:
        expected = really(expression, setup)
    except ZeroDivisionError:
        with pytest.raises(Refusal):
            worked_out(expression, setup)
        return
    assert isinstance(expected, int | float)
    found = worked_out(expression, setup)
    assert found == expected or (isinstance(found, float) and math.isnan(found))
    assert type(found) is type(expected)


def test_reading_runs_nothing() -> None:
    source = """
        raise SystemExit("the module was run")
        def helper():
            raise SystemExit("a function was run")
        class Predictor:
            def predict(self, a: int = 2 + 2) -> str: ...
    """
    assert read_source(source).inputs[0].default == 4
