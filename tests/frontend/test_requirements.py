"""Requirement files: what they bring, what is taken out, what cannot work in an image."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.config import Located
from cog_frontend.errors import ProjectError, Span
from cog_frontend.plan import Requirements, from_packages, read_requirements
from cog_frontend.plan.requirement_lines import logical_lines, malformed, unknown_option


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
    assert [str(each).partition(" (")[0] for each in found.warnings] == [
        "requirements.txt:1:1: cog is left out: the image brings its own SDK",
        "requirements.txt:2:1: coglet is left out: the image brings its own SDK",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "cog @ https://example.com/cog.whl",
        "./cog-0.9.0-py3-none-any.whl",
        "https://example.com/cog-0.9.0b1-py3-none-any.whl#sha256=0",
        "git+https://github.com/replicate/cog.git@main",
        "git+https://example.com/fork.git#egg=cog",
        "cog==0.9 \\\n  --hash=sha256:00",
        "-e git+https://github.com/replicate/cog#egg=cog",
    ],
)
def test_the_sdk_is_taken_out_whatever_names_it(line: str) -> None:
    found = read({"requirements.txt": f"{line}\nsix\n"})
    assert found.files[0].data.strip() == b"six"
    assert "cog is left out" in str(found.warnings[-1])


def test_folders_to_edit_are_left_out_and_repositories_become_packages() -> None:
    found = read({"requirements.txt": "-e .\n--editable=./lib\n-e git+https://e.com/x#egg=x\n"})
    assert found.files[0].data == b"\n\ngit+https://e.com/x#egg=x\n"
    assert [each.span for each in found.warnings] == [Span(1, 1), Span(2, 2), Span(3, 3)]
    assert "installed as a package" in found.warnings[2].message


def test_index_options_behind_a_requirement_become_lines_at_the_end() -> None:
    text = "torch==2.0 --extra-index-url=https://e.com/a -f https://e.com/b  # here\nsix\n"
    assert read({"requirements.txt": text}).files[0].data.decode() == (
        "torch==2.0\nsix\n--extra-index-url https://e.com/a\n-f https://e.com/b\n"
    )


def test_options_of_pip_that_uv_takes_as_arguments_only() -> None:
    found = read({"requirements.txt": "--pre\nsix\n--trusted-host e.com\n"})
    assert found.options == ("--prerelease=allow", "--allow-insecure-host=e.com")
    assert found.files[0].data == b"\nsix\n\n"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("-r a.txt", "a.txt"),
        ("-ra.txt", "a.txt"),
        ("--requirement=a.txt  # why", "a.txt"),
        ("--constraint a.txt", "a.txt"),
        ("-r 'a b.txt'", "a b.txt"),
        ("-r a\\ b.txt", "a b.txt"),
    ],
)
def test_every_form_of_an_include(line: str, path: str) -> None:
    found = read({"requirements.txt": f"{line}\n", path: "six\n"})
    assert [file.path for file in found.files] == ["requirements.txt", path]


def test_an_include_is_written_as_uv_takes_it() -> None:
    assert read({"requirements.txt": "-ra.txt\n", "a.txt": ""}).files[0].data == b"-r a.txt\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_and_windows_line_ends(encoding: str) -> None:
    files = {"requirements.txt": "six\r\nidna\r\n".encode(encoding)}
    assert read_requirements("requirements.txt", files.get).files[0].data == b"six\nidna\n"


def test_a_repository_needs_git() -> None:
    assert read({"requirements.txt": "six\nx @ git+https://e.com/x\n"}).needs_git
    assert not read({"requirements.txt": "six\nx @ https://e.com/x.zip\n"}).needs_git


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("git+https://me:pw@e.com/x", True),
        ("git+https://TOKEN@e.com/x", True),
        ("git+https://${TOKEN}@e.com/x", True),
        ("git+ssh://git@e.com/x", False),
        ("git+ssh://git:pw@e.com/x", True),
        ("git+https://e.com/x@v1", False),
    ],
)
def test_credentials_in_an_address_are_said_to_be_in_the_image(address: str, *, told: bool) -> None:
    found = [str(each) for each in read({"requirements.txt": f"x @ {address}\n"}).warnings]
    text = "requirements.txt:1:1: the image has the credentials for e.com that are in this line"
    hint = " (remove them and pass a netrc file: --secret id=netrc,src=FILE)"
    assert found == ([text + hint] if told else [])


def packages(*entries: str, files: dict[str, str] | None = None) -> Requirements:
    located = [Located(text, Span(number, number)) for number, text in enumerate(entries, 3)]
    contents = {path: text.encode() for path, text in (files or {}).items()}
    return from_packages(located, "cog.yaml", contents.get)


def test_packages_of_the_config_follow_the_same_rules() -> None:
    files = {"more.txt": "idna\n", "a-1.whl": ""}
    found = packages("six==1 --find-links=https://e.com", "-r more.txt", "./a-1.whl", files=files)
    assert [file.path for file in found.files] == ["build.python_packages", "more.txt"]
    assert found.files[0].data.decode() == (
        "six==1\n--find-links https://e.com\n-r more.txt\n./a-1.whl\n"
    )
    assert found.artifacts == ("a-1.whl",)


def test_a_wrong_package_of_the_config_is_shown_there() -> None:
    with pytest.raises(ProjectError) as caught:
        packages("six", "a\nb", "./gone.whl")
    assert [str(each).partition(" (")[0] for each in caught.value.problems] == [
        "cog.yaml:4:1: several lines in one entry",
        "cog.yaml:5:1: ./gone.whl: file does not exist",
    ]


def test_local_wheels_are_brought_along() -> None:
    found = read(
        {"requirements.txt": "./wheels/a-1-py3-none-any.whl\n", "wheels/a-1-py3-none-any.whl": "x"}
    )
    assert found.artifacts == ("wheels/a-1-py3-none-any.whl",)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-r ../out.txt", "../out.txt is outside the project folder"),
        ("-r gone.txt", "gone.txt: file does not exist"),
        ("-r pyproject.toml", "pyproject.toml is not a requirements file"),
        ("./x.whl", "./x.whl: file does not exist"),
        ("/x.whl", "/x.whl is outside the project folder"),
        ("./lib", "./lib: a folder cannot be installed from the project"),
        (".", ".: a folder cannot be installed"),
        ("lib @ ./lib[extra]", "./lib: a folder cannot be installed"),
        ("file:x.whl", "file:x.whl is a place of this machine"),
        ("x @ file:///x.whl", "file:///x.whl is a place of this machine"),
        ("-f wheels", "--find-links wheels: a folder is not searched"),
        ("six --find-links=wheels", "--find-links wheels: a folder is not searched"),
    ],
)
def test_what_cannot_work_in_a_build_is_said(line: str, expected: str) -> None:
    text = problems({"requirements.txt": f"six\n{line}\n"})
    assert text.startswith(f"requirements.txt:2:1: {expected}")


def test_every_problem_is_told() -> None:
    text = problems({"requirements.txt": "-r gone.txt\n./x.whl\n", "gone": ""})
    assert len(text.splitlines()) == 2


def test_nothing_to_install_is_seen() -> None:
    assert read({"requirements.txt": "# only a comment\n\n"}).is_empty
    only_limits = {"requirements.txt": "--pre\n-c limits.txt\n", "limits.txt": "six<2\n"}
    assert read(only_limits).is_empty
    assert packages().is_empty
    assert packages("cog").is_empty
    assert not packages("six").is_empty
    assert not read({"requirements.txt": "-r a.txt\n", "a.txt": "six\n"}).is_empty


def test_fragments_stay_and_comments_go() -> None:
    text = "a#b\nc # d\n# e\nf \\\n  g\nh\\\n# i\n"
    assert [(line.start, line.end, line.text) for line in logical_lines(text)] == [
        (1, 1, "a#b"), (2, 2, "c"), (4, 5, "f   g"), (6, 7, "h"),
    ]  # fmt: skip


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read({"requirements.txt": text})
    except ProjectError as error:
        assert error.problems


@pytest.mark.parametrize(
    "line",
    [
        "six",
        "six==1.17.0",
        "torch == 2.6.0+cu124 , != 2.5.*",
        "requests[socks,use_chardet_on_py3]>=2,<3; python_version >= '3.10' and extra == 'a'",
        "six>=1.*",
        "six==1.17.0 --hash=sha256:" + "0" * 64,
        "six (==1.0)",
        "six===1.0-weird",
        "six=={VERSION}".replace("{", "${"),
        "ZopE.interface~=5.4",
    ],
)
def test_what_installers_take_is_well_formed(line: str) -> None:
    assert malformed(line) == ""


@pytest.mark.parametrize(
    "line", ["-i URL", "--pre", "-rmore.txt", "--hash=x", "-six", "--prefix x"]
)
def test_options_of_a_file_are_told_from_others(line: str) -> None:
    known = line.startswith(("-i", "-r")) or line == "--pre"
    assert (unknown_option(line) == "") == known
