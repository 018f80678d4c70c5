# Handlers here are written the way Cog's users write them.
# ruff: noqa: B008, UP006, UP007, UP035, UP045

from __future__ import annotations

import enum
import errno
import functools
import io
import pathlib
import socket
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Annotated, Any, List, Literal, Optional, Union

import pytest

import cog
from cog import wire
from cog.worker.coerce import Inputs, coerce
from cog.worker.failure import InputError
from cog.worker.fetch import Fetcher
from cog.worker.hints import hints, parameters


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.StrEnum):
    SMALL = "s"


def fake_fetch(url: str) -> pathlib.Path:
    return cog.Path(f"/fetched/{url}")


DATA = "data:,x"
LOCAL = cog.Path("/local")


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        ("http://h/x", str, "http://h/x"),
        (DATA, Any, DATA),
        (DATA, object, DATA),
        (DATA, cog.Path, fake_fetch(DATA)),
        (DATA, pathlib.Path, fake_fetch(DATA)),
        ("HTTPS://h/x", cog.Path, fake_fetch("HTTPS://h/x")),
        (LOCAL, cog.Path, LOCAL),
        (None, Optional[cog.Path], None),
        (DATA, Optional[cog.Path], fake_fetch(DATA)),
        (DATA, cog.Path | None, fake_fetch(DATA)),
        (DATA, Annotated[cog.Path, "note"], fake_fetch(DATA)),
        ([DATA, LOCAL], list[cog.Path], [fake_fetch(DATA), LOCAL]),
        ([DATA], List[cog.Path], [fake_fetch(DATA)]),
        ([DATA], Optional[list[cog.Path]], [fake_fetch(DATA)]),
        ([DATA], Sequence[cog.Path], [fake_fetch(DATA)]),
        ([DATA], list, [DATA]),
        ([DATA], list[str], [DATA]),
        (DATA, Union[cog.Path, str], fake_fetch(DATA)),
        ("plain", Union[cog.Path, str], "plain"),
        (5, Union[cog.Path, int], 5),
        ([DATA], Union[str, list[cog.Path]], [fake_fetch(DATA)]),
        ("pw", cog.Secret, cog.Secret("pw")),
        ("pw", Optional[cog.Secret], cog.Secret("pw")),
        (["a"], list[cog.Secret], [cog.Secret("a")]),
        ("red", Color, Color.RED),
        ("RED", Color, Color.RED),
        ("green", Color, "green"),
        ("s", Size, Size.SMALL),
        ("a", Literal["a", "b"], "a"),
        (3.0, int, 3),
        (3.5, int, 3.5),
        (3, float, 3),
        (True, int, True),
        ({"a": DATA}, dict[str, str], {"a": DATA}),
        ({"a": 1}, dict, {"a": 1}),
    ],
    ids=str,
)
def test_a_value_becomes_what_it_is_annotated_as(
    value: object, hint: object, expected: object
) -> None:
    found = coerce(value, hint, fake_fetch)
    assert found == expected
    assert type(found) is type(expected)


def test_a_file_input_is_an_open_file(tmp_path: pathlib.Path) -> None:
    found = coerce("data:,text", cog.File, Fetcher(str(tmp_path), "").fetch)
    assert isinstance(found, io.BufferedReader)
    with found:
        assert found.read() == b"text"


@pytest.mark.parametrize("value", ["/etc/passwd", "file:///etc/passwd", "ftp://h/x", "", 5, ["x"]])
@pytest.mark.parametrize("hint", [cog.Path, Optional[cog.Path], cog.File, pathlib.Path])
def test_only_urls_are_taken_for_files(value: object, hint: object) -> None:
    with pytest.raises(ValueError, match=r"expected an http\(s\) or data URL, got "):
        coerce(value, hint, fake_fetch)


def inputs(fn: Callable[..., object]) -> Inputs:
    return Inputs(parameters(fn), hints(fn))


def arguments(fn: Callable[..., object], folder: pathlib.Path, **values: object) -> dict[str, Any]:
    return inputs(fn).arguments(values, Fetcher(str(folder), ""))


def test_defaults_stand_in_for_what_is_left_out(tmp_path: pathlib.Path) -> None:
    def run(  # noqa: PLR0913 - a handler has as many as it needs
        a: int,
        *,
        b: str = "b",
        c: int = cog.Input(default=3),
        d: Optional[str] = cog.Input(description="d"),
        e: Optional[int] = None,
        f: str | None = None,
        g: cog.Secret = cog.Input(description="g"),
        h: Any = cog.Input(),
        **others: object,
    ) -> None: ...

    assert arguments(run, tmp_path, a=1) == {
        "a": 1, "b": "b", "c": 3, "d": None, "e": None, "f": None, "g": None, "h": None,
    }  # fmt: skip


def test_an_optional_without_default_is_none(tmp_path: pathlib.Path) -> None:
    def run(a: Optional[str], b: str) -> None: ...

    assert arguments(run, tmp_path, b="b") == {"a": None, "b": "b"}


def test_a_file_of_the_authors_is_a_path(tmp_path: pathlib.Path) -> None:
    def run(
        a: cog.Path = cog.Input(default="example.png"),
        b: cog.Path = cog.Input(default="data:,x"),
        c: Optional[cog.Path] = cog.Path("c.png"),
    ) -> None: ...

    found = arguments(run, tmp_path)
    assert (found["a"], found["c"]) == (cog.Path("example.png"), cog.Path("c.png"))
    assert found["b"].read_text() == "x"


@pytest.mark.parametrize("default", [cog.Input(), cog.Input(...), cog.Input(default=None)])
def test_an_input_without_default_is_required(tmp_path: pathlib.Path, default: Any) -> None:
    def run(text: str = default) -> None: ...

    with pytest.raises(InputError, match="input 'text' is required"):
        arguments(run, tmp_path)


def test_three_dots_are_required_even_where_none_is_allowed(tmp_path: pathlib.Path) -> None:
    def run(text: Optional[str] = cog.Input(...)) -> None: ...

    with pytest.raises(InputError, match="input 'text' is required"):
        arguments(run, tmp_path)


def test_mutable_defaults_are_copied(tmp_path: pathlib.Path) -> None:
    plain: list[int] = []

    def run(a: list[int] = plain, b: list[int] = cog.Input(default=[1])) -> None: ...

    first, second = arguments(run, tmp_path), arguments(run, tmp_path)
    assert first == second == {"a": [], "b": [1]}
    assert first["a"] is not second["a"]
    assert first["b"] is not second["b"]


def test_errors_name_the_input(tmp_path: pathlib.Path) -> None:
    def run(image: cog.Path) -> None: ...

    with pytest.raises(InputError, match="input 'image': data URL with broken base64: "):
        arguments(run, tmp_path, image="data:text/plain;base64,a")


def test_a_network_error_is_told_without_the_brackets_of_urllib(tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a.png"

    def run(image: cog.Path = cog.Input(default=url)) -> None: ...

    refused = rf"^input 'image': \[Errno {errno.ECONNREFUSED}\] Connection refused$"
    with pytest.raises(InputError, match=refused):
        arguments(run, tmp_path)


def test_ssrf_the_worker_opens_no_url_of_a_client(tmp_path: pathlib.Path) -> None:
    def run(image: cog.Path, more: list[cog.Path]) -> None: ...

    for given in ({"image": "http://127.0.0.1:9/"}, {"more": ["https://a.example/x"]}):
        with pytest.raises(InputError, match="only the server opens a client's URL"):
            arguments(run, tmp_path, **given)


def test_the_server_is_told_which_inputs_are_files() -> None:
    def run(
        a: cog.Path, b: Optional[list[cog.File]], c: cog.Path | str, d: str, e: dict[str, str]
    ) -> cog.Path:
        raise NotImplementedError

    assert inputs(run).files == ["a", "b", "c"]


def test_file_values_of_the_server_are_paths_and_others_stay_dicts(tmp_path: pathlib.Path) -> None:
    def run(image: cog.Path, options: dict[str, str]) -> None: ...

    value = {"__file__": "/x"}
    found = arguments(run, tmp_path, image=wire.file_value("/p/in.png"), options=wire.escape(value))
    assert found == {"image": cog.Path("/p/in.png"), "options": value}


@pytest.mark.parametrize(
    ("hint", "expected"),
    [(str, False), (cog.Path, True), (Optional[list[cog.File]], True), (dict[str, int], False)],
)
def test_only_files_may_wait_for_the_network(hint: object, expected: object) -> None:
    assert Inputs({}, {"x": hint}).fetches({"x": "value"}) is expected
    assert Inputs({}, {"x": hint}).fetches({"x": None}) is False


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/dir/picture.png?size=1")
            self.end_headers()
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path.startswith("/dir/"):
            body = (self.headers["User-Agent"] or "").encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_error(404)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Any:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_urls_are_fetched_under_their_own_name(site: str, tmp_path: pathlib.Path) -> None:
    fetcher = Fetcher(str(tmp_path), "agent/1")
    first, second = (fetcher.fetch(f"{site}/dir/a%20b.png?x=1") for _ in range(2))
    assert first.name == second.name == "a b.png"
    assert first != second
    assert first.read_text() == "agent/1"
    assert first.is_relative_to(tmp_path)


def test_redirects_are_followed_to_http_only(site: str, tmp_path: pathlib.Path) -> None:
    fetcher = Fetcher(str(tmp_path), "agent/1")
    assert fetcher.fetch(f"{site}/moved").read_text() == "agent/1"
    with pytest.raises(OSError, match="HTTP Error 302"):
        fetcher.fetch(f"{site}/elsewhere")


def test_a_missing_page_is_an_error(site: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(OSError, match="404"):
        Fetcher(str(tmp_path), "").fetch(f"{site}/none")


def test_size_and_time_are_bounded(site: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="larger than 3 bytes"):
        Fetcher(str(tmp_path), "").fetch("data:,1234", max_bytes=3)
    times = iter([0.0, 601.0])
    with pytest.raises(ValueError, match="not complete after 600 seconds"):
        Fetcher(str(tmp_path), "", clock=lambda: next(times)).fetch("data:,1234")


class Handler:
    def run(self, image: str, text: str, also: cog.Path, twice: str) -> None: ...

    run.__annotations__ |= {"image": "NoSuchName", "also": "Path", "twice": "'Optional[Path]'"}


def test_hints_that_cannot_be_resolved_leave_the_others() -> None:
    assert hints(Handler().run) == {
        "image": object, "text": str, "also": cog.Path, "twice": Optional[cog.Path],
    }  # fmt: skip


def test_parameters_of_a_method_leave_self_out() -> None:
    assert list(parameters(Handler().run)) == ["image", "text", "also", "twice"]


def test_decorated_handlers_show_what_they_wrap() -> None:
    def inner(n: int, image: cog.Path) -> None: ...

    @functools.wraps(inner)
    def outer(*args: object, **kwargs: object) -> None:
        inner(*args, **kwargs)  # type: ignore[arg-type] # passed through

    assert list(parameters(outer)) == ["n", "image"]
    assert hints(outer)["image"] is cog.Path
