"""Patterns mean what they mean to BuildKit: cases from moby/patternmatcher's rules."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.patterns import Matcher, PatternError, Verdict, parse
from tests.frontend.test_hostile import calls


def verdict(patterns: list[str], path: str) -> bool:
    """Judge a path the way a walk does, folder by folder."""
    matcher = Matcher(patterns)
    found: Verdict | None = None
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        found = matcher.judge("/".join(parts[:end]), found)
    assert found is not None
    return found.matched


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("**", "file", True),
        ("**", "dir/file", True),
        ("**/", "dir/file", True),
        ("dir/**", "dir/file", True),
        ("dir/**", "dir/dir2/file", True),
        ("dir/**", "dirx/file", False),
        ("**/dir", "dir", True),
        ("**/dir", "a/b/dir/file", True),
        ("**/dir2/*", "dir/dir2/file", True),
        ("**/dir2/**", "dir/dir2/dir2/file", True),
        ("**file", "a/bfile", True),
        ("**/file", "a/bfile", False),
        ("**/file", "file", True),
        ("**/**/*.txt", "a/file.txt", True),
        ("**/*.txt", "file.txt", True),
        ("**/*.txt", "file.txt~", False),
        ("a*b", "axxb", True),
        ("a*b", "a/b", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[^a]x", "bx", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("a.b", "axb", False),
        ("(a)", "(a)", True),
        ("./a/../b", "b", True),
        ("dir", "dir/file", True),
        ("dir/", "dir/file", True),
        ("file", "dir/file", False),
        ("*", "a/b/c", True),
        ("abc.def", "abc.def", True),
        ("a**/*.txt", "abc/d.txt", True),
        ("naïve", "naïve", True),
    ],
)
def test_one_pattern(pattern: str, path: str, *, expected: bool) -> None:
    assert verdict([pattern], path) is expected


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (["*", "!keep"], "keep", False),
        (["*", "!keep"], "keep/deep", False),
        (["*", "!keep/this"], "keep/that", True),
        (["*", "!keep/this"], "keep/this", False),
        (["!keep", "*"], "keep", True),
        (["docs", "!docs/README"], "docs/README", False),
        (["docs", "!docs/README", "docs/README"], "docs/README", True),
        (["**/*.py", "!main.py"], "main.py", False),
        (["**/*.py", "!main.py"], "a/main.py", True),
        (["  ", "a "], "a", True),
    ],
)
def test_the_last_pattern_about_a_path_decides(
    patterns: list[str], path: str, *, expected: bool
) -> None:
    assert verdict(patterns, path) is expected


@pytest.mark.parametrize(
    ("pattern", "folder", "expected"),
    [
        ("*.py", "venv", False),
        ("src/*.py", "src", True),
        ("src/*.py", "src/deep", False),
        ("src/**/x", "src/deep", True),
        ("**/x", "any", True),
        ("s*c/a/b", "src", True),
        ("s*c/a/b", "src/b", False),
        ("a/b", "a/b", False),
        ("[a/b]/c", "a", True),
    ],
)
def test_folders_where_nothing_can_match_need_not_be_read(
    pattern: str, folder: str, *, expected: bool
) -> None:
    assert Matcher([pattern]).may_match_within(folder, excepts=False) is expected


@pytest.mark.parametrize("text", ["!", "[a"])
def test_a_bad_pattern_is_an_error(text: str) -> None:
    with pytest.raises(PatternError):
        parse(text)


def as_a_regex(text: str) -> str:
    """A pattern of ``*``, ``?`` and letters, as patternmatcher's ``Pattern.compile`` has it."""
    if re.fullmatch(r"\*\*[^/*?][^*?]*", text):
        return f".*{text[2:]}"
    text = re.sub(r"\*\*/?$", "A", text)
    text = re.sub(r"\*\*/?", "F", text)
    return text.replace("*", "[^/]*").replace("?", "[^/]").replace("A", ".*").replace("F", "(.*/)?")


@given(st.text("ab/*?", min_size=1, max_size=9), st.text("ab/", min_size=1, max_size=9))
def test_many_wildcards_mean_what_few_mean(text: str, path: str) -> None:
    pattern = parse(text)
    assert pattern is not None
    assert pattern.match(path) == bool(re.fullmatch(as_a_regex(pattern.text), path))


@pytest.mark.parametrize("piece", ["*a", "**/", "**a", "a*", "?*", "**/*"])
def test_no_pattern_takes_for_ever(piece: str) -> None:
    path = "/".join(["a" * 60] * 10) + "/b"

    def work() -> None:
        Matcher([f"{piece * 40}x"]).judge(path, None)

    assert calls(work) < 200_000


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("[z-a]", "m", False),
        ("[^z-a]", "m", True),
        ("[z-ab]", "b", True),
        ("[\\]]", "]", True),
        ("[\\--a]", "-", True),
        ("[[]", "[", True),
        ("[[:a]", "[", True),
        ("[a&&b]", "&", True),
        ("*[b-c]*[^a]*", "xbxx", True),
        ("*[b-c]*[^a]*", "xbaa", False),
    ],
)
def test_classes(pattern: str, path: str, *, expected: bool) -> None:
    assert verdict([pattern], path) is expected
