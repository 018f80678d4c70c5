"""Whatever a predictor is made of, it is read or it is refused: nothing else is ever raised."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.errors import ProjectError
from cog_frontend.schema import openapi, read_predictor, schema_json
from tests.schema.test_document import document_faults

HEADER = """
from __future__ import annotations
import enum, pathlib, typing, os, cog, json as j
from typing import *
from cog import BaseModel, BasePredictor, ConcatenateIterator, File, Input, Opaque, Path, Secret
from consts import A, B as C, missing
import consts
from .consts import *
class Color(str, enum.Enum):
    RED = "red"
    BLUE = enum.auto()
class Model(BaseModel):
    a: int
    b: Optional["Model"] = None
class Config:
    SIZES = ["a", "b"]
N = 3
D = {"x": 1, "y": [2]}
LOOP = LOOP
def helper(value=1, **rest):
    return Input(default=value, **rest)
"""
CONSTS = "A = 1\nB = ['q', A]\nfrom predict import N as M\nfrom consts import A as Z\nW = W\n"

NAMES = [
    "str", "int", "float", "bool", "list", "dict", "tuple", "set", "None", "Any", "Path", "File",
    "Secret", "Opaque", "Color", "Color.RED", "Model", "Config", "Config.SIZES", "N", "D", "LOOP",
    "A", "C", "M", "Z", "W", "missing", "unknown", "consts", "consts.A", "consts.Nope", "cog.Path",
    "pathlib.Path", "typing.List", "os.environ", "helper", "Input", "Iterator", "enum", "Predictor",
    "self", "Literal", "Optional", "Union", "Annotated", "ConcatenateIterator", "...", "j.dumps",
]  # fmt: skip
LITERALS = [
    "0", "1", "-1", "2.5", "1e999", "'a'", "'str'", "''", "b'x'", "True", "'list['", "'\\ud800'",
    "f'{N}'", "f'{unknown!r}'", "[]", "()", "{}", "{1, 2}", "0xffffffffffffffffffff", "1j",
]  # fmt: skip
GENERICS = [
    "list", "List", "dict", "Dict", "Optional", "Union", "Literal", "Annotated", "Iterator",
    "tuple", "ConcatenateIterator", "Config", "D", "N", "typing.Optional", "unknown", "Model",
    "Generator",
]  # fmt: skip
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "|", "&", "<<", "==", "<", "in", "and", "or"]
KEYWORDS = [
    "default", "ge", "le", "min_length", "max_length", "regex", "choices", "deprecated", "accept",
    "description", "default_factory", "gt", "nonsense",
]  # fmt: skip


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return expressions made of smaller ones."""
    some = st.lists(inner, max_size=3).map(", ".join)
    keywords = st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=3).map(
        lambda given: ", ".join(f"{key}={value}" for key, value in given.items())
    )

    def of(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.tuples(*parts).map(lambda values: template.format(*values))

    operators = st.sampled_from(OPERATORS)
    return st.one_of(
        of("{}[{}]", st.sampled_from(GENERICS), some),
        of("[{}]", some),
        of("({},)", inner),
        of("{{{}: {}}}", inner, inner),
        of("({} {} {})", inner, operators, inner),
        of("-{}", inner),
        of("({} if {} else {})", inner, inner, inner),
        of("{}({})", inner, some),
        of("Input({})", keywords),
        of("Input({}, {})", inner, keywords),
        of("helper({}, {})", inner, keywords),
        of("helper(**{})", inner),
        of("list({})", inner),
        of("{}.keys()", inner),
        of("{}.value", inner),
        of("{}[{}]", inner, inner),
        of("[x for x in {} if {}]", inner, inner),
        of("'{}'", st.sampled_from(["list[str]", "Model", "N", "a b", "Predictor"])),
        of("(lambda: {})", inner),
    )


expressions = st.recursive(
    st.sampled_from(NAMES) | st.sampled_from(LITERALS), compound, max_leaves=8
)
calls = st.dictionaries(st.sampled_from(KEYWORDS), expressions, max_size=4).map(
    lambda given: f"Input({', '.join(f'{key}={value}' for key, value in given.items())})"
)
parameters = st.tuples(
    st.sampled_from(["", ": {}"]),
    expressions | st.sampled_from(["str", "int", "Path", "list[str]", "Color", "Optional[int]"]),
    expressions | calls,
).map(lambda parts: f"{parts[0].format(parts[1])} = {parts[2]}")


def read_anything(source: str) -> None:
    files = {"predict.py": source, "consts.py": CONSTS}

    def read(path: str) -> bytes | None:
        return files[path].encode() if path in files else None

    try:
        predictor = read_predictor("predict.py:Predictor", read)
    except ProjectError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.message
            assert problem.file in {*files, "cog.yaml"}
            assert problem.span is None or problem.span.start_line <= problem.span.end_line
        return
    document = openapi(predictor, version="1")
    assert list(document_faults(document)) == []
    assert schema_json(document).encode()


@given(
    st.lists(parameters, min_size=1, max_size=3),
    expressions | st.sampled_from(["str", "list[Path]", "Iterator[str]"]),
    st.sampled_from(["", "    @cog.concurrent(max={})\n", "    @cog.streaming\n", "    @{}\n"]),
)
def test_any_annotation_and_any_default(given: list[str], returns: str, decorator: str) -> None:
    signature = ", ".join(f"a{number}{parameter}" for number, parameter in enumerate(given))
    read_anything(
        f"{HEADER}class Predictor(BasePredictor):\n{decorator.format(returns)}"
        f"    async def predict(self, *, {signature}) -> {returns}: ...\n"
    )


@given(
    expressions,
    st.sampled_from(["{} = {}", "class {}({}): x: int = 1", "from {} import *", "{}.append({})"]),
)
def test_any_statement_before_the_predictor(expression: str, statement: str) -> None:
    read_anything(
        f"{HEADER}{statement.format('X', expression)}\n"
        f"class Predictor(X):\n    def predict(self, a: X = X) -> X: ...\n"
    )


@given(st.lists(st.sampled_from(["A", "B", "C"]), min_size=3, max_size=3))
def test_any_ring_of_bases_and_names_comes_to_an_end(bases: list[str]) -> None:
    classes = "".join(
        f"class {name}({base}): ...\n" for name, base in zip("ABC", bases, strict=True)
    )
    names = "".join(
        f"{name.lower()} = {base.lower()}\n" for name, base in zip("ABC", bases, strict=True)
    )
    read_anything(
        f"{classes}{names}class Predictor(A):\n    def predict(self, x: A = a) -> b: ...\n"
    )
