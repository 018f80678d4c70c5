from __future__ import annotations

import dataclasses
import io
import pathlib
import pickle
from typing import Any, ClassVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cog
from cog._url import MAX_NAME, is_url, open_url, parse_data_url, url_name


def test_input_keeps_what_it_is_told() -> None:
    info = cog.Input(
        3, description="d", ge=1, le=5.5, min_length=1, max_length=2, regex="x", choices=[1, 3],
        deprecated=True, accept="image/*",
    )  # fmt: skip
    assert info == cog.FieldInfo(3, "d", 1, 5.5, 1, 2, "x", [1, 3], True, "image/*")
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.default = 4


def test_a_default_may_be_given_by_position_or_name() -> None:
    assert cog.Input("x") == cog.Input(default="x")
    assert cog.Input() == cog.Input(default=None)
    assert cog.Input(...).default is ...


def test_a_default_factory_is_refused() -> None:
    with pytest.raises(TypeError, match="takes no default_factory"):
        cog.Input(default_factory=list)


def test_a_secret_prints_as_asterisks() -> None:
    secret = cog.Secret("pw")
    assert (str(secret), repr(secret), f"{secret}") == (
        "**********", "Secret(**********)", "**********",
    )  # fmt: skip
    assert secret.get_secret_value() == "pw"
    assert (str(cog.Secret()), cog.Secret().get_secret_value()) == ("", None)


class Point(cog.BaseModel):
    x: int = cog.Input(..., description="required")
    y: int = cog.Input(default=2)


def test_a_model_is_a_dataclass() -> None:
    assert [field.name for field in dataclasses.fields(Point)] == ["x", "y"]
    assert Point(1) == Point(x=1, y=2)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()


class Pair(cog.BaseModel):
    x: int
    tags: list[str] = cog.Input(default=[])


class Triple(Pair, frozen=False, order=True):
    z: int = 3


class Loose(cog.BaseModel):
    LIMITS: ClassVar[list[int]] = [1, 2]
    names: list[str] = []  # noqa: RUF012 # what models written for pydantic have
    extra: dict[str, int] = {"a": 1}  # noqa: RUF012 # as above
    untyped = [3]  # noqa: RUF012 # as above


def test_mutable_defaults_are_copied_as_pydantic_did() -> None:
    assert Loose() == Loose(names=[], extra={"a": 1})
    Loose().extra["b"] = 2
    assert Loose().extra == {"a": 1}
    assert [field.name for field in dataclasses.fields(Loose)] == ["names", "extra"]
    assert (Loose.LIMITS, Loose.untyped) == ([1, 2], [3])


def test_models_inherit_fields_and_take_the_arguments_of_dataclass() -> None:
    assert Triple(1, ["a"], 2) < Triple(1, ["b"], 0)
    assert Triple(1) == Triple(x=1, tags=[], z=3)
    assert Pair(1).tags is not Pair(1).tags


def test_a_model_may_stay_a_plain_class() -> None:
    class Plain(cog.BaseModel, auto_dataclass=False):
        x: int = 1

    assert not dataclasses.is_dataclass(Plain)


def test_a_plain_model_below_a_dataclass_is_refused() -> None:
    with pytest.raises(ValueError, match="its fields would be lost"):

        class Plain(Pair, auto_dataclass=False):
            pass


def test_models_do_not_mix_with_other_dataclasses() -> None:
    @dataclasses.dataclass
    class Other:
        a: int = 1

    with pytest.raises(TypeError, match="cannot mix dataclass Other in"):

        class Mixed(cog.BaseModel, Other):
            pass

    with pytest.raises(TypeError, match="the first base of Wrong must be a BaseModel"):

        class Wrong(Other, cog.BaseModel):
            pass


def test_paths_stay_cog_paths() -> None:
    path = cog.Path("/a") / "b.txt"
    assert type(path) is cog.Path
    assert type(path.parent) is cog.Path
    assert isinstance(path, pathlib.Path)


def test_validate_leaves_urls_unopened() -> None:
    path = cog.Path.validate("https://example.com/dir/a.png?x=1")
    assert isinstance(path, cog.URLPath)
    assert (path.source, path.filename) == ("https://example.com/dir/a.png?x=1", "a.png")
    assert (str(path), repr(path)) == (path.source, f"URLPath('{path.source}')")
    assert cog.Path.validate("/a/b") == cog.Path("/a/b")
    assert cog.Path.validate(path) is path


def test_a_url_path_is_copied_once_and_removed() -> None:
    path = cog.URLPath(source="data:text/plain,hello", filename="hello.txt")
    local = path.convert()
    assert local.read_text() == "hello"
    assert local.name.endswith("hello.txt")
    assert path.convert() is local
    with open(path) as file:  # noqa: PTH123 - how models open it
        assert file.read() == "hello"
    path.unlink()
    assert not local.exists()
    path.unlink()


def test_a_url_path_reads_the_file_object_it_was_given() -> None:
    path = cog.URLPath(source="https://example.com/x", filename="x", fileobj=io.BytesIO(b"given"))
    assert path.convert().read_bytes() == b"given"
    path.unlink()


def test_a_url_file_opens_when_it_is_read() -> None:
    file = cog.URLFile("data:text/plain,one%0Atwo")
    assert file.name == "file.txt"
    copy = pickle.loads(pickle.dumps(file))
    assert [*file] == [b"one\n", b"two"]
    assert (copy.read(3), copy.read(), copy.readable(), copy.seekable()) == (
        b"one", b"\ntwo", True, False,
    )  # fmt: skip
    for each in (file, copy):
        each.close()
        assert each.closed


def test_a_url_file_needs_a_url() -> None:
    with pytest.raises(ValueError, match="not an http"):
        cog.URLFile("/etc/passwd")


def test_file_validates_to_an_open_file() -> None:
    stream = io.BytesIO()
    assert cog.File.validate(stream) is stream
    assert cog.File.validate("data:,x").read() == b"x"
    assert isinstance(cog.File.validate("https://example.com/x"), cog.URLFile)
    for wrong in ("/etc/passwd", 5):
        with pytest.raises(ValueError):  # noqa: PT011 - either of two messages
            cog.File.validate(wrong)


@pytest.mark.parametrize(
    ("url", "media", "content"),
    [
        ("data:,hello%20w%C3%B6rld", "text/plain", "hello wörld".encode()),
        ("data:text/html,<p>", "text/html", b"<p>"),
        ("data:image/PNG;base64,iVBORw==", "image/png", b"\x89PNG"),
        ("DATA:text/plain;charset=utf-8;BASE64,aGk=", "text/plain", b"hi"),
        ("data:;base64,aG\nk%3D", "text/plain", b"hi"),
        ("data:,", "text/plain", b""),
    ],
)
def test_data_urls_are_read_as_the_rfc_says(url: str, media: str, content: bytes) -> None:
    assert parse_data_url(url) == (media, content)


@pytest.mark.parametrize("url", ["data:text/plain", "data:;base64,a", "data:;base64,a-_b"])
def test_broken_data_urls_are_errors(url: str) -> None:
    with pytest.raises(ValueError, match="data URL with"):
        parse_data_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "data:" + ";a=b" * 250_000 + ",x",
        "data:" + ";" * 1_000_000 + ",x",
        "data:;base64," + "\n" * 1_000_000 + "eA==",
        "data:," + "%78" * 300_000,
        "data:image/svg+xml;gzip;base64;base64,eA==",
    ],
    ids=["parameters", "semicolons", "lines", "percent", "encodings"],
)
def test_data_bombs_never_grow(url: str) -> None:
    assert len(parse_data_url(url)[1]) <= len(url) / 3


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/x", "/etc/passwd", ""])
def test_nothing_but_http_and_data_is_opened(url: str) -> None:
    with pytest.raises(ValueError, match="not an http"):
        open_url(url)
    assert not is_url(url)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/a/b.png", "b.png"),
        ("https://h/a%20b.png?c=d.jpg#e", "a b.png"),
        ("https://h/a%2Fb", "b"),
        ("https://h/%2e%2e", "file"),
        ("https://h/", "file"),
        ("https://h", "file"),
        ("data:image/png;base64,xx", "file.png"),
        ("data:,x", "file.txt"),
        ("data:no/such,x", "file"),
        ("https://h/" + "x" * 300 + ".png", "x" * (MAX_NAME - 4) + ".png"),
    ],
)
def test_a_file_is_called_as_in_its_url(url: str, name: str) -> None:
    assert url_name(url) == name


@given(st.text())
def test_a_name_from_a_url_is_always_a_safe_file_name(text: str) -> None:
    try:
        name = url_name(f"https://h/{text}")
    except ValueError:
        # No URL at all: Python's own parser refuses it.
        return
    assert name not in {"", ".", ".."}
    assert not set(name) & {"/", "\0", "\n"}
    assert len(name.encode()) <= MAX_NAME


def plain() -> None: ...
async def asynchronous() -> None: ...
async def generating() -> Any:
    yield 1


def test_concurrent_marks_async_handlers() -> None:
    assert cog.concurrent(max=3)(asynchronous) is asynchronous
    assert cog.concurrent(max=3)(generating) is generating
    assert cog.concurrent(plain) is plain
    assert cog.concurrent(max=1)(plain) is plain


@pytest.mark.parametrize("wrong", ["2", 2.0, True])
def test_concurrent_takes_an_int(wrong: Any) -> None:
    with pytest.raises(TypeError, match="takes an int"):
        cog.concurrent(max=wrong)


def test_concurrent_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="at least one"):
        cog.concurrent(max=0)
    with pytest.raises(TypeError, match="needs an async handler"):
        cog.concurrent(max=2)(plain)
    with pytest.raises(TypeError, match="not @concurrent\\(4\\)"):
        cog.concurrent(cast("Any", 4))


def test_streaming_is_plain_or_called() -> None:
    assert cog.streaming(plain) is plain
    assert cog.streaming()(plain) is plain


def test_old_names_lead_to_the_new_ones() -> None:
    class Old(cog.BasePredictor):
        def run(self, n: int) -> int:
            return n + 1

    with pytest.warns(DeprecationWarning, match=r"now called run\(\)"):
        assert Old().predict(n=1) == 2
    with pytest.warns(DeprecationWarning, match="record_metric"):
        cog.emit_metric("m", 1)
    with pytest.raises(NotImplementedError, match="Bare has no run"):
        type("Bare", (cog.BaseRunner,), {})().run()


def test_new_names_lead_to_the_old_ones() -> None:
    class Old(cog.BasePredictor):
        def predict(self, n: int) -> int:
            return n + 1

    assert Old().run(n=1) == 2
    with pytest.raises(NotImplementedError, match="Bare has no run"):
        type("Bare", (cog.BasePredictor,), {})().run()
