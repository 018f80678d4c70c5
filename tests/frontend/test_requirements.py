"""Requirement files: what they bring, what is taken out, what cannot work in an image."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.errors import ProjectError
from cog_frontend.plan import Requirements, from_packages, read_requirements
from cog_frontend.plan.requirements import logical_lines


def read(files: dict[str, str], first: str = "requirements.txt") -> Requirements:
    contents = {path: text.encode() for path, text in files.items()}
    return read_requirements(first, contents.get)


def problems(files: dict[str, str]) -> str:
    with pytest.raises(ProjectError) as caught:
        read(files)
    return str(caught.value)


def test_lines_pass_as_they_are() -> None:
    text = (
        "numpy==2.0 ; python_version < '3.13'\n"
        "--extra-index-url https://example.com/simple\n"
        "x @ git+https://example.com/x.git@main#egg=x\n"
    )
    assert read({"requirements.txt": text}).files[0].data.decode() == text


def test_includes_are_followed_once_relative_to_their_file() -> None:
    found = read(
        {
            "requirements.txt": "-r deps/base.txt\n-c deps/limits.txt\n",
            "deps/base.txt": "-r ../more.txt\nnumpy\n",
            "deps/limits.txt": "numpy<3\n",
            "more.txt": "-r requirements.txt\nsix\n",
        }
    )
    assert [file.path for file in found.files] == [
        "requirements.txt", "deps/base.txt", "deps/limits.txt", "more.txt",
    ]  # fmt: skip


def test_the_sdk_itself_is_taken_out() -> None:
    found = read({"requirements.txt": "cog==0.9\nCogLet>=0.1\ncogs\ncog-extras\n"})
    assert found.files[0].data == b"\n\ncogs\ncog-extras\n"
    assert found.removed == ("requirements.txt:1: cog==0.9", "requirements.txt:2: CogLet>=0.1")


def test_local_wheels_are_brought_along() -> None:
    found = read(
        {"requirements.txt": "./wheels/a-1-py3-none-any.whl\n", "wheels/a-1-py3-none-any.whl": "x"}
    )
    assert found.artifacts == ("wheels/a-1-py3-none-any.whl",)


def test_every_problem_has_its_file_and_line() -> None:
    text = problems({"requirements.txt": "six\n-e .\n-r ../out.txt\n-r gone.txt\n./x.whl\n"})
    assert "requirements.txt:2:1: editable install in an image" in text
    assert "requirements.txt:3:1: ../out.txt is outside the project folder" in text
    assert "requirements.txt:4:1: gone.txt: file does not exist" in text
    assert "requirements.txt:5:1: x.whl: file does not exist" in text or "./x.whl" in text


def test_nothing_to_install_is_seen() -> None:
    assert read({"requirements.txt": "# only a comment\n\n"}).is_empty
    assert from_packages(()).is_empty
    assert not from_packages(("six",)).is_empty


def test_fragments_stay_and_comments_go() -> None:
    assert [content for _, _, content in logical_lines("a#b\nc # d\n# e\nf \\\n  g\n")] == [
        "a#b", "c", "f   g",
    ]  # fmt: skip


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read({"requirements.txt": text})
    except ProjectError as error:
        assert error.problems
