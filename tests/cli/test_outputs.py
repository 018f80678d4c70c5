from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cog_cli.errors import CliError
from cog_cli.interface import Interface
from cog_cli.outputs import OutputFile, Presented, decode_data_url, extension_of, present, write

FILE = {"type": "string", "format": "uri"}
PNG = "data:image/png;base64,cG5nIQ=="


def shown(
    output: object, schema: dict[str, Any], destination: str | None = None, *, folder: bool = False
) -> Presented:
    place = Path(destination) if destination else None
    return present(output, Interface((), schema), place, is_folder=folder)


def paths(presented: Presented) -> list[str]:
    return [str(file.path) for file in presented.files]


def test_a_text_is_shown_raw() -> None:
    assert shown('say "hi"\n', {"type": "string"}).text == 'say "hi"\n'


def test_a_text_that_looks_like_a_file_is_a_text_when_the_schema_says_so() -> None:
    assert shown(PNG, {"type": "string"}) == Presented(PNG, ())


@pytest.mark.parametrize("output", [{"a": "é"}, [1, 2], 3, True, 10**30])
def test_everything_else_is_shown_as_json(output: object) -> None:
    text = shown(output, {}).text
    assert text is not None
    assert json.loads(text) == output
    assert "\\u" not in text


def test_pieces_of_one_text_are_put_together() -> None:
    schema = {"type": "array", "items": {"type": "string"}, "x-cog-array-display": "concatenate"}
    assert shown(["hel", "lo"], schema).text == "hello"


def test_a_file_is_written_and_not_shown() -> None:
    presented = shown(PNG, FILE)
    assert presented == Presented(None, (OutputFile(Path("output.png"), b"png!"),))


def test_a_url_of_a_file_that_lies_elsewhere_is_shown() -> None:
    assert shown("https://x.example/a.png", FILE) == Presented("https://x.example/a.png", ())


def test_files_of_a_list_are_numbered() -> None:
    presented = shown([PNG, PNG], {"type": "array", "items": FILE})
    assert paths(presented) == ["output.0.png", "output.1.png"]
    assert presented.text is None


@pytest.mark.parametrize(
    ("destination", "folder", "expected"),
    [
        ("cat.jpg", False, "cat.jpg"),
        ("cat", False, "cat.png"),
        ("out/cat", False, "out/cat.png"),
        ("out", True, "out/output.png"),
    ],
)
def test_the_destination_names_the_file(destination: str, *, folder: bool, expected: str) -> None:
    assert paths(shown(PNG, FILE, destination, folder=folder)) == [expected]


def test_the_destination_of_several_files_keeps_them_apart() -> None:
    presented = shown([PNG, PNG], {"type": "array", "items": FILE}, "cat.png")
    assert paths(presented) == ["cat.0.png", "cat.1.png"]


def test_files_within_an_object_are_named_by_their_key_and_shown_as_paths() -> None:
    schema = {"properties": {"mask": FILE, "score": {"type": "number"}}}
    presented = shown({"mask": PNG, "score": 0.5}, schema)
    assert presented.text is not None
    assert json.loads(presented.text) == {"mask": "output.mask.png", "score": 0.5}
    assert paths(presented) == ["output.mask.png"]


def test_files_of_a_free_mapping_are_found_too() -> None:
    presented = shown({"a": PNG}, {"type": "object", "additionalProperties": FILE})
    assert paths(presented) == ["output.a.png"]


def test_a_key_from_the_model_never_leads_to_another_folder() -> None:
    schema = {"type": "object", "additionalProperties": FILE}
    (path,) = paths(shown({"../../etc/cron": PNG}, schema))
    assert "/" not in path


def test_a_file_of_an_unknown_type_gets_no_extension() -> None:
    assert paths(shown("data:x/unknown;base64,eA==", FILE)) == ["output"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("data:text/plain;charset=utf-8;base64,aGk=", ("text/plain", b"hi")),
        ("data:,a%20b", ("text/plain", b"a b")),
        ("data:image/png;base64,", ("image/png", b"")),
    ],
)
def test_a_data_url_is_decoded(url: str, expected: tuple[str, bytes]) -> None:
    assert decode_data_url(url) == expected


@pytest.mark.parametrize("url", ["data:image/png;base64", "data:image/png;base64,?!"])
def test_a_broken_data_url_is_an_error(url: str) -> None:
    with pytest.raises(CliError, match="broken data URL"):
        decode_data_url(url)


def test_files_are_written_into_new_folders(tmp_path: Path) -> None:
    file = OutputFile(tmp_path / "a/b.png", b"x")
    assert list(write((file,))) == [file.path]
    assert file.path.read_bytes() == b"x"


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(CliError, match=r"cannot write .*a/b.png: "):
        list(write((OutputFile(tmp_path / "a/b.png", b"x"),)))


@pytest.mark.parametrize(
    ("kind", "extension"),
    [
        ("image/png", ".png"),
        ("image/webp", ".webp"),
        ("audio/wav", ".wav"),
        ("model/gltf-binary", ".glb"),
        ("x-nobody/knows", ""),
    ],
)
def test_the_media_type_decides_the_extension(kind: str, extension: str) -> None:
    assert extension_of(kind) == extension
