from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import io
import json
import math
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cog
from cog import wire
from cog.worker.output import Encoder, is_stream


class Result(cog.BaseModel):
    text: str
    score: float


class Nested(cog.BaseModel):
    results: list[Result]


@dataclasses.dataclass
class Data:
    x: int
    inner: object = None


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: int
    y: int


class Pydantic2:
    def model_dump(self) -> dict[str, object]:
        return {"when": datetime.date(2020, 1, 2)}


class Pydantic1:
    __fields__ = ("color",)

    def dict(self) -> dict[str, object]:
        return {"color": Color.RED}


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not this"


@pytest.fixture
def encoder(tmp_path: pathlib.Path) -> Encoder:
    return Encoder(str(tmp_path))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (1.5, 1.5),
        ("é", "é"),
        (Text("text"), "text"),
        ([1, [2]], [1, [2]]),
        ((1, 2), [1, 2]),
        (Point(1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset(["b", "a"]), ["a", "b"]),
        (range(3), [0, 1, 2]),
        (collections.deque([1]), [1]),
        ([n * n for n in range(3)], [0, 1, 4]),
        ({"a": (n for n in range(2))}, {"a": [0, 1]}),
        ({"a": 1}.items(), [["a", 1]]),
        ({"a": 1}.values(), [1]),
        ({1: "a", 2.5: "b", False: "c", Color.RED: "d", None: "e"},
         {"1": "a", "2.5": "b", "false": "c", "red": "d", "null": "e"}),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (Color.RED, "red"),
        (Level.HIGH, 3),
        (datetime.datetime(2020, 1, 2, 3, 4, tzinfo=datetime.UTC), "2020-01-02T03:04:00+00:00"),
        (datetime.date(2020, 1, 2), "2020-01-02"),
        (datetime.time(3, 4), "03:04:00"),
        (Result(text="a", score=0.5), {"text": "a", "score": 0.5}),
        (Nested([Result("a", 1.0)]), {"results": [{"text": "a", "score": 1.0}]}),
        (Data(1, Data(2)), {"x": 1, "inner": {"x": 2, "inner": None}}),
        (Pydantic2(), {"when": "2020-01-02"}),
        (Pydantic1(), {"color": "red"}),
        (cog.Secret("pw"), "**********"),
        (cog.URLPath(source="https://h/x.png", filename="x.png"), "https://h/x.png"),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]], dtype=np.uint8), [[1, 2], [3, 4]]),
        (np.array(5), 5),
        (np.str_("s"), "s"),
        ({"__file__": "/etc/passwd"}, {"___file__": "/etc/passwd"}),
        ({"a": {"___file__": 1}}, {"a": {"____file__": 1}}),
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_has_its_json_form(encoder: Encoder, value: object, expected: object) -> None:
    found = encoder.encode(value)
    assert json.dumps(found) == json.dumps(expected)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (object(), "Object of type object is not JSON serializable (at output)"),
        ({"a": [1, b"x"]}, "Object of type bytes is not JSON serializable (at output.a[1])"),
        ([bytearray()], "Object of type bytearray is not JSON serializable (at output[0])"),
        (Result, "Object of type type is not JSON serializable (at output)"),
        (Data(1, 1j), "Object of type complex is not JSON serializable (at output.inner)"),
        ({"a": {(1, 2): 3}}, "keys of output.a must be text, not tuple"),
        (float("nan"), "output is nan, which JSON cannot hold"),
        ({"score": [-math.inf]}, "output.score[0] is -inf, which JSON cannot hold"),
        (np.array([1.0, np.nan]), "output[1] is nan, which JSON cannot hold"),
        (pathlib.Path("/no/such"), "output is a path that leads to no file: /no/such"),
    ],
    ids=repr,
)
def test_a_value_without_json_form_is_named(encoder: Encoder, value: object, error: str) -> None:
    with pytest.raises((TypeError, ValueError, OSError)) as caught:
        encoder.encode(value)
    assert str(caught.value) == error


def test_a_cycle_is_an_error(encoder: Encoder) -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="nested more than 200 levels deep"):
        encoder.encode(loop)


def test_something_that_turns_into_itself_is_an_error(encoder: Encoder) -> None:
    class Selfish:
        def model_dump(self) -> object:
            return self

    with pytest.raises(ValueError, match="nested more than 200 levels deep"):
        encoder.encode(Selfish())


def file_of(value: object) -> tuple[str, bytes]:
    assert wire.is_file_value(value)
    assert isinstance(value, dict)
    return value["name"], pathlib.Path(value["__file__"]).read_bytes()


def test_files_are_copied_into_the_predictions_directory(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    (tmp_path / "a.png").write_bytes(b"png")
    encoder = Encoder(str(folder))
    found = encoder.encode({"files": [cog.Path(tmp_path / "a.png"), tmp_path / "a.png"]})
    assert isinstance(found, dict)
    assert [file_of(file) for file in found["files"]] == [("a.png", b"png")] * 2
    paths = {file["__file__"] for file in found["files"]}
    assert len(paths) == 2
    assert all(pathlib.Path(path).is_relative_to(folder) for path in paths)


def test_open_files_are_sent_from_their_beginning(encoder: Encoder, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("w+") as text:
        text.write("text")
        assert file_of(encoder.encode(text)) == ("a.txt", b"text")
    with path.open("rb") as binary:
        binary.read()
        assert file_of(encoder.encode(binary)) == ("a.txt", b"text")
    assert file_of(encoder.encode(io.BytesIO(b"bytes"))) == ("file", b"bytes")
    assert file_of(encoder.encode(io.StringIO("é"))) == ("file", "é".encode())
    with tempfile.TemporaryFile() as nameless:
        nameless.write(b"x")
        assert file_of(encoder.encode(nameless)) == ("file", b"x")


def items() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize("value", [items(), iter([1]), map(str, [1])], ids=repr)
def test_iterators_are_streams(value: object) -> None:
    assert is_stream(value)


@pytest.mark.parametrize("value", [[1], "text", {}, io.BytesIO(), range(2), None], ids=repr)
def test_other_values_are_not(value: object) -> None:
    assert not is_stream(value)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("__file__"), inner),
    max_leaves=10,
)


def no_file(value: dict[str, str]) -> object:
    raise AssertionError(f"taken for a file: {value}")


@given(PLAIN)
def test_json_values_come_through_unchanged(value: Any) -> None:
    assert wire.unescape(Encoder("/nowhere").encode(value), no_file) == value
