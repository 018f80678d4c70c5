"""What a return annotation becomes in the document."""

from __future__ import annotations

import pytest

from cog_frontend.schema import openapi
from tests.schema.reading import problem, problems, read_source, with_output

MODELS = """
import dataclasses, enum, pydantic, typing_extensions
import cog.types
from dataclasses import dataclass
class Color(enum.Enum):
    RED = "red"
class Inner(BaseModel):
    n: int
class Tree(BaseModel):
    children: list["Tree"]
class Base(pydantic.BaseModel):
    first: str
    kind: ClassVar[str] = "x"
class Child(Base):
    second: Optional[int]
    first: int
class Total(TypedDict):
    a: str
    b: NotRequired[int]
class Partial(TypedDict, total=False):
    a: Required[str]
    b: int
@dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.5
    tags: list[str] = dataclasses.field(default_factory=list)
class Generic1(BaseModel, Generic[T]):
    value: str
Name = NewType("Name", str)
T = TypeVar("T")
"""
STRING = {"type": "string"}


def output(annotation: str) -> object:
    document = openapi(read_source(with_output(annotation, MODELS)), version="1")
    components = document["components"]
    assert isinstance(components, dict)
    schema = components["schemas"]["Output"]
    assert list(schema) == sorted(schema)
    assert schema.pop("title") == "Output"
    return schema


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("str", STRING),
        ("int", {"type": "integer"}),
        ("float", {"type": "number"}),
        ("bool", {"type": "boolean"}),
        ("Path", {"type": "string", "format": "uri"}),
        ("cog.types.File", {"type": "string", "format": "uri"}),
        ("Any", {"type": "object"}),
        ("dict", {"type": "object"}),
        ("Annotated[np.ndarray, Opaque]", {"type": "object"}),
        ("list", {"type": "array", "items": {}}),
        ("list[str]", {"type": "array", "items": STRING}),
        ("List[List[str]]", {"type": "array", "items": {"type": "array", "items": STRING}}),
        ("list[Optional[str]]", {"type": "array", "items": {"type": "string", "nullable": True}}),
        ("list[int | str]", {"type": "array", "items": {"anyOf": [{"type": "integer"}, STRING]}}),
        ("dict[str, float]", {"type": "object", "additionalProperties": {"type": "number"}}),
        ("Color", {"enum": ["red"], "type": "string"}),
        ("Literal['a', 'b']", {"enum": ["a", "b"], "type": "string"}),
        ("Name", STRING),
        ("'list[str]'", {"type": "array", "items": STRING}),
    ],
)  # fmt: skip
def test_plain_types(annotation: str, expected: object) -> None:
    assert output(annotation) == expected


@pytest.mark.parametrize(
    "annotation",
    [
        "Iterator[str]", "AsyncIterator[str]", "Generator[str, None, None]",
        "AsyncGenerator[str, None]", "typing_extensions.Iterator[str]", "'Iterator[str]'",
    ],
)  # fmt: skip
def test_iterators_are_arrays_that_come_item_by_item(annotation: str) -> None:
    assert output(annotation) == {"items": STRING, "type": "array", "x-cog-array-type": "iterator"}


@pytest.mark.parametrize("name", ["ConcatenateIterator", "AsyncConcatenateIterator"])
def test_concatenate_iterators_are_joined_for_display(name: str) -> None:
    assert output(f"{name}[str]") == {
        "items": STRING,
        "type": "array",
        "x-cog-array-display": "concatenate",
        "x-cog-array-type": "iterator",
    }


def test_records_list_their_fields_and_what_is_required() -> None:
    inner = {
        "properties": {"n": {"title": "N", "type": "integer"}},
        "required": ["n"],
        "title": "Inner",
        "type": "object",
    }
    assert output("list[Inner]") == {"items": inner, "type": "array"}
    assert output("Child") == {
        "properties": {
            "first": {"title": "First", "type": "integer"},
            "second": {"nullable": True, "title": "Second", "type": "integer"},
        },
        "required": ["first"],
        "type": "object",
    }
    assert output("Point") == {
        "properties": {
            "x": {"title": "X", "type": "number"},
            "y": {"default": 0.5, "title": "Y", "type": "number"},
            "tags": {"items": STRING, "title": "Tags", "type": "array"},
        },
        "required": ["x"],
        "type": "object",
    }
    generic = {"value": {"title": "Value", "type": "string"}}
    assert output("Generic1[int]") == {
        "properties": generic,
        "required": ["value"],
        "type": "object",
    }


@pytest.mark.parametrize(("name", "required"), [("Total", ["a"]), ("Partial", ["a"])])
def test_typed_dicts_say_which_keys_are_required(name: str, required: list[str]) -> None:
    schema = output(name)
    assert isinstance(schema, dict)
    assert list(schema["properties"]) == ["a", "b"]
    assert schema["required"] == required


def test_record_that_holds_itself_is_any_object_there() -> None:
    schema = output("Tree")
    assert isinstance(schema, dict)
    assert schema["properties"]["children"]["items"] == {"type": "object"}


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ("Optional[str]", "an output cannot be Optional"),
        ("str | None", "an output cannot be Optional"),
        ("Union[int, str]", "an output cannot be Union"),
        ("None", "None alone is not a type"),
        ("Iterator", "Iterator does not say what it yields"),
        ("Iterator[()]", "Iterator does not say what it yields"),
        ("list[Iterator[str]]", "an iterator can only be the whole output"),
        ("ConcatenateIterator", "its items must be str"),
        ("ConcatenateIterator[int]", "its items must be str"),
        ("ConcatenateIterator[()]", "its items must be str"),
        ("tuple[int, ...]", "use list[...]"),
        ("torch.Tensor", "`torch.Tensor` is not defined"),
        ("dict[str]", "`dict[str]` is not a supported type"),
        ("list[str, int]", "`list[str, int]` is not a supported type"),
        ("Union[()]", "is not a supported type"),
        ("Literal[()]", "not all text"),
        ("Annotated[()]", "is not a supported type"),
        ("5", "`5` is not a supported type"),
        ("cog.Pth", "did you mean 'Path'?"),
        ("Itrator[str]", "is not defined in this file"),
        ("lambda: str", "is not a supported type"),
        ("str if x else int", "is not a supported type"),
    ],
)
def test_what_cannot_be_an_output_is_a_problem(annotation: str, message: str) -> None:
    assert message in problem(with_output(annotation, "import cog"))


def test_missing_return_type_is_a_problem() -> None:
    assert "predict() has no return type (write what it returns" in problem(
        "class Predictor:\n    def predict(self): ...\n"
    )


def test_every_field_of_a_record_that_cannot_be_read_is_reported() -> None:
    models = "class Out(BaseModel):\n    a: tuple[int]\n    b: str\n    c: Missing\n"
    found = problems({"predict.py": with_output("Out", models)})
    assert [str(one).partition(": ")[2].partition(":")[0] for one in found] == ["Out.a", "Out.c"]


def test_class_without_fields_is_no_record() -> None:
    assert "Out has no annotated fields" in problem(
        with_output("Out", "class Out(BaseModel):\n    pass\n")
    )
    assert "`Out` is not a supported type" in problem(
        with_output("Out", "class Out:\n    a: int\n")
    )


def test_generator_without_an_iterator_in_its_type_is_a_warning() -> None:
    source = with_output("str").replace("...", "yield 'a'")
    (warning,) = read_source(source).warnings
    assert "predict() yields" in warning.message
    assert warning.hint == "write Iterator[str]"
    nested = with_output("str").replace("...", "return (lambda: (yield))")
    assert read_source(nested).warnings == ()
