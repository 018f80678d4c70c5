"""Forms: files that come with the request go to disk and to the worker by path."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cog import wire
from cog.server import form
from cog.server.inputs import Upload
from tests.fakes.fake_link import READY, FakeWorkers, settle, until
from tests.fakes.talk import Call, Talk, talk

FILE = {"type": "string", "format": "uri"}
DOCUMENT: dict[str, Any] = {
    "components": {
        "schemas": {
            "Input": {
                "type": "object",
                "required": ["image"],
                "properties": {
                    "image": FILE,
                    "more": {"type": "array", "items": FILE},
                    "text": {"type": "string"},
                    "n": {"type": "integer", "maximum": 10},
                    "flag": {"type": "boolean"},
                    "words": {"type": "array", "items": {"type": "string"}},
                    "numbers": {"type": "array", "items": {"type": "number"}},
                    "c": {"allOf": [{"$ref": "#/components/schemas/c"}]},
                    "any": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                },
            },
            "c": {"type": "string", "enum": ["1", "2"]},
        }
    }
}

Part = tuple[str, str | bytes, str | None]  # name, content, file name
CAT: Part = ("image", b"\x89PNG", "cat.png")


def encode(*parts: Part, boundary: str = "xyz", kinds: dict[str, str] | None = None) -> bytes:
    lines = b""
    for name, content, filename in parts:
        shown = "" if filename is None else f'; filename="{filename}"'
        lines += (
            f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"{shown}\r\n'.encode()
        )
        if kinds and name in kinds:
            lines += f"content-type: {kinds[name]}\r\n".encode()
        lines += b"\r\n" + (content if isinstance(content, bytes) else content.encode()) + b"\r\n"
    return lines + f"--{boundary}--\r\n".encode()


def send(talk: Talk, body: bytes, method: str = "POST", path: str = "/predictions") -> Call:
    kind = "multipart/form-data; boundary=xyz"
    return Call(talk.app, method, path, body, content_type=kind, prefer="wait=0")


def workers() -> FakeWorkers:
    return FakeWorkers(replace(READY, file_inputs=["image", "more"]))


def given(talk: Talk) -> dict[str, Any]:
    (message,) = (one for one in talk.workers.link.sent if isinstance(one, wire.Predict))
    return message.input


def files(folder: Path) -> list[str]:
    # Folders may be removed meanwhile.
    return sorted(name for _, _, names in os.walk(folder) for name in names)


def read(path: str) -> bytes:
    return Path(path).read_bytes()


def test_a_file_reaches_the_worker_by_path_and_goes_with_the_prediction(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        big = b"x" * 3_000_000
        call = send(talk, encode(CAT, ("more", big, "a b.bin"), ("text", "hi", None)))
        await until(lambda: call.done)
        assert call.status == 202
        assert "input" not in json.loads(call.text)
        input_ = given(talk)
        assert read(input_["image"]["__file__"]) == b"\x89PNG"
        assert read(input_["more"][0]["__file__"]) == big
        assert input_["more"][0]["__file__"].endswith("/a b.bin")
        talk.workers.link.ends("made-1")
        await until(lambda: not files(tmp_path))

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([("text", "5", None)], {"text": "5"}),
        ([("n", "5", None), ("flag", "true", None)], {"n": 5, "flag": True}),
        ([("words", "5", None)], {"words": ["5"]}),
        ([("words", "a", None), ("words", "b", None)], {"words": ["a", "b"]}),
        ([("numbers", "[1, 2.5]", None)], {"numbers": [1, 2.5]}),
        ([("numbers", "1", None)], {"numbers": [1]}),
        ([("c", "1", None)], {"c": "1"}),
        ([("any", "1", None)], {"any": 1}),
        ([("any", "one", None)], {"any": "one"}),
        ([("image", "data:,x", None)], {"image": "data:,x"}),
    ],
)
def test_text_is_what_the_schema_says(
    parts: list[Part], expected: dict[str, object], tmp_path: Path
) -> None:
    async def steps(talk: Talk) -> None:
        cat = [] if "image" in expected else [CAT]
        call = send(talk, encode(*cat, *parts))
        await until(lambda: call.done)
        assert call.status == 202, call.text
        assert expected.items() <= given(talk).items()

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


def test_the_rest_of_a_request_is_a_part_of_its_own(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        rest = json.dumps({"id": "abc", "input": {"text": "hi"}})
        body = encode(CAT, ("request", rest, None), kinds={"request": "application/json"})
        call = send(talk, body)
        await until(lambda: call.done)
        assert json.loads(call.text)["id"] == "abc"
        assert given(talk)["text"] == "hi"

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


@pytest.mark.parametrize(
    ("parts", "name"),
    [([CAT, ("n", "11", None)], "n"), ([CAT, ("n", "x", None)], "n"), ([], "image")],
)
def test_what_does_not_fit_is_422_and_leaves_nothing(
    parts: list[Part], name: str, tmp_path: Path
) -> None:
    async def steps(talk: Talk) -> None:
        call = send(talk, encode(*parts))
        await until(lambda: call.done)
        assert call.status == 422
        assert json.loads(call.text)["detail"][0]["loc"] == ["body", "input", name]
        await until(lambda: not files(tmp_path))

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


def test_a_file_for_an_input_that_is_none_is_422(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = send(talk, encode(CAT, ("text", b"x", "x.txt")))
        await until(lambda: call.done)
        assert call.status == 422
        await until(lambda: not files(tmp_path))

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--xyz\r\n",
        encode(CAT)[:-4],
        encode(CAT)[:60],
        b"--other\r\n\r\n--other--\r\n",
        b"--xyz\r\ncontent-disposition: form-data\r\n\r\nx\r\n--xyz--\r\n",
        b"--xyz\r\nnonsense\r\n\r\nx\r\n--xyz--\r\n",
        encode(("text", b"\xff", None)),
        encode(("request", "{", None), kinds={"request": "application/json"}),
    ],
)
def test_parsing_multipart_boundary_broken_forms_are_400_and_leave_nothing(
    body: bytes, tmp_path: Path
) -> None:
    async def steps(talk: Talk) -> None:
        call = send(talk, body)
        await until(lambda: call.done)
        assert call.status == 400, call.text
        assert call.headers["content-type"].startswith("text/plain")
        await until(lambda: not files(tmp_path))
        assert talk.workers.link.predictions == []

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


@pytest.mark.parametrize("boundary", ["", "boundary=", f"boundary={'x' * 71}", "boundary"])
def test_parsing_multipart_boundary_that_is_none(boundary: str, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        kind = f"multipart/form-data; {boundary}"
        call = Call(talk.app, "POST", "/predictions", encode(CAT), content_type=kind)
        await until(lambda: call.done)
        assert call.status == 400

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


@pytest.mark.parametrize(
    ("name", "value", "body"),
    [
        ("MAX_PARTS", 3, encode(*[("text", "x", None)] * 4)),
        ("MAX_TEXT", 10, encode(("text", "x" * 11, None))),
        ("MAX_FORM", 100, encode(("image", b"x" * 200, "a"))),
        (
            "MAX_PARTS",
            9,
            b"--xyz\r\n" + b"x: y\r\n" * 20 + b"\r\n\r\n--xyz--\r\n",
        ),
        ("MAX_PARTS", 9, b"--xyz\r\nx: " + b"y" * 10_000 + b"\r\n\r\n\r\n--xyz--\r\n"),
    ],
)
def test_parsing_multipart_parts_and_headers_are_bounded(
    name: str, value: int, body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, name, value)

    async def steps(talk: Talk) -> None:
        call = send(talk, body)
        await until(lambda: call.done)
        assert call.status == 413
        await until(lambda: not files(tmp_path))

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


@pytest.mark.parametrize(
    "filename", ["../../../etc/x", "/etc/passwd", "..\\\\..\\\\x", "..", "a\tb", "x" * 400, "é"]
)
def test_parsing_multipart_filename_never_is_a_path(filename: str, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = send(talk, encode(("image", b"x", filename)))
        await until(lambda: call.done)
        assert call.status == 202, call.text
        path = Path(given(talk)["image"]["__file__"])
        assert path.is_relative_to(tmp_path)
        assert path.parent.name.startswith("upload-")
        assert ".." not in path.parts

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


def test_equal_names_with_other_content_are_other_requests(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        first, same, other = (
            send(talk, encode(("image", content, "a.png")), "PUT", "/predictions/a")
            for content in (b"x", b"x", b"y")
        )
        await until(lambda: first.done and same.done and other.done)
        assert [first.status, same.status, other.status] == [202, 202, 409]
        await until(lambda: len(files(tmp_path)) == 1)

    talk(steps, tmp_path, document=DOCUMENT, workers=workers(), capacity=9)


def test_files_temp_files_left_after_cancel_while_it_waits(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        for name in "ab":
            call = send(talk, encode(CAT), "PUT", f"/predictions/{name}")
            await until(call.task.done)
        await talk.client.post("/predictions/b/cancel")
        await until(lambda: len(files(tmp_path)) == 1)

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


def test_availability_uploads_on_disk_have_a_bound_and_give_it_back(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        forms = talk.app._inside._predictions._forms
        whole = forms._room
        forms._room = len(encode(CAT)) + 5
        first = send(talk, encode(CAT))
        await until(lambda: first.done)
        refused = send(talk, encode(CAT))
        await until(lambda: refused.done)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        talk.workers.link.ends("made-1")
        await settle()
        again = send(talk, encode(CAT))
        await until(lambda: again.done)
        assert again.status == 202
        assert whole > forms._room

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


def test_while_setup_runs_a_form_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = send(talk, encode(CAT))
        await until(lambda: call.done)
        assert call.status == 503
        assert files(tmp_path) == []

    talk(steps, tmp_path, document=DOCUMENT, workers=FakeWorkers(ready=None))


def test_a_client_cannot_write_what_stands_for_an_upload(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        body = {"input": {"image": "upload:cat.png#00"}}
        answer = await talk.client.post("/predictions", json=body)
        assert answer.status_code == 422
        assert isinstance(Upload(tmp_path, "00"), str)

    talk(steps, tmp_path, document=DOCUMENT, workers=workers())


def test_without_a_document_files_are_taken_by_what_the_worker_says(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = send(talk, encode(CAT, ("n", "5", None)))
        await until(lambda: call.done)
        assert given(talk)["n"] == "5"
        assert read(given(talk)["image"]["__file__"]) == b"\x89PNG"
        await asyncio.sleep(0)

    talk(steps, tmp_path, document=None, workers=workers())
