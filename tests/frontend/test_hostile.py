"""Input that was written to harm: it is refused with what, where and what to do, within bounds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from cog_frontend import yamlnode
from cog_frontend.config import examine_config
from cog_frontend.config.sections import MOST
from cog_frontend.config.shapes import MAX_TEXT_BYTES
from cog_frontend.errors import ProjectError, shown


def problems(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    try:
        return list(map(str, examine_config(data).problems))
    except ProjectError as error:
        return list(map(str, error.problems))


def only(text: str | bytes) -> str:
    (problem,) = problems(text)
    return problem


def calls(work: Callable[[], object]) -> int:
    """How many functions of Python's a piece of work calls: a clock that no load disturbs."""
    count = 0

    def counting(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counting)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def bomb(width: int) -> str:
    """Aliases of aliases that have the shape of a config: width³ patterns of weights."""

    def many(first: str, alias: str) -> str:
        return f"[{', '.join([first, *[alias] * (width - 1)])}]"

    patterns = many("&p x", "*p")
    sources = many(f"&s {{uri: a, include: {patterns}}}", "*s")
    return "weights: " + many(f"&w {{target: /a, source: {sources}}}", "*w")


@pytest.mark.parametrize(
    "text",
    [
        *("a: " + "[" * 400_000, "- " * 400_000, "? " * 400_000, "a: " + "{a: " * 200_000),
        "a: " + "[" * yamlnode.MAX_DEPTH + "]" * yamlnode.MAX_DEPTH,
    ],
    ids=lambda text: text[:6],
)
def test_nesting_is_bounded_and_takes_no_stack(text: str) -> None:
    assert "nested too deeply, more than 64 levels" in only(text)


def test_nesting_up_to_the_bound_is_read() -> None:
    deep = yamlnode.MAX_DEPTH - 1
    assert "a: unknown key" in only("a: " + "[" * deep + "]" * deep)


def test_a_file_is_bounded() -> None:
    text = "image: x #"
    assert problems(text.ljust(yamlnode.MAX_BYTES)) == []
    assert only(text.ljust(yamlnode.MAX_BYTES + 1)) == (
        "cog.yaml: the file has 1048577 bytes, and 1048576 are the most that are read"
        " (move packages into a requirements file and long commands into scripts)"
    )


def test_aliases_are_bounded_as_if_they_were_written_out() -> None:
    expected = "written out, its aliases are more than 1048576 bytes (name fewer things)"
    assert expected in only(bomb(100))
    assert calls(lambda: problems(bomb(100))) < 20_000


def test_aliases_that_are_no_bomb_are_read() -> None:
    config = examine_config(
        b"environment: &e [A=b]\nbuild: {run: [&c y, *c], copy: &s [z], pre_install: *s}\n"
    )
    assert config.problems == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image: *later\nmodel: &later x", "1:8: the alias *later has no anchor before it"),
        ("a: &x [*x]", "1:8: an alias points back at its own parent"),
        ("image: !!python/name:os.system x", "1:8: tag '!!python/name:os.system' means nothing"),
        ("image: !secret x", "1:8: tag '!secret' means nothing here (remove it)"),
        ("build: !!set {gpu: true}", "1:8: tag '!!set' means nothing here (remove it)"),
        ("image: !!binary YQ==", "1:8: tag '!!binary' means nothing here (remove it)"),
        ("build: {gpu: !!str true}", "build.gpu must be true or false, not 'true'"),
        ("image: x\n---\nimage: y", "2:1: expected a single document"),
        ("{a: 1, a: 2}", "1:8: key 'a' stands twice (first: line 1)"),
        ("{image: x, 'image': y}", "key 'image' stands twice (first: line 1)"),
        ("{[a]: b}", "1:2: a key must be plain text"),
        ('image: "a\\0b"', "1:8: image must not have a NUL character in it"),
        ('environment: ["A=\\0"]', "environment[0] must not have a NUL character in it"),
        ('build: {run: ["a\\0b"]}', "build.run[0] must not have a NUL character in it"),
        ('"a\\e[2J\\nb": x', r"1:1: 'a\x1b[2J\nb': unknown key"),
        ('build: {labels: {"a\\e": "\\0"}}', r"build.labels.'a\x1b' must not have a NUL"),
        ('build: {user: "a\\u202eb"}', r"build.user: 'a\u202eb' is not a user"),
    ],
)
def test_what_yaml_allows_and_a_config_must_not(text: str, expected: str) -> None:
    assert expected in "\n".join(problems(text))


@pytest.mark.parametrize(
    "name", ["..", ".", "a%2Fb", "%2e%2e", "a%00b", "a%0Ab", "a%1b%5b2Jb", "..%2f..%2fetc%2fpasswd"]
)
def test_a_download_has_the_name_of_a_file(name: str) -> None:
    source = f"{{uri: 'https://example.com/w/{name}', checksum: 'sha256:{'0' * 64}'}}"
    assert only(f"weights: [{{target: /w, source: {source}}}]") == (
        "cog.yaml:1:38: weights[0].source: the URL does not end in the name of a file"
        " (write https://host/path/file)"
    )


@pytest.mark.parametrize("tag", ["!", "!!str", "!!bool", "!!null", "!!float"])
def test_tags_that_say_what_a_value_is_change_no_spelling(tag: str) -> None:
    assert problems(f"build: !!map {{python_version: {tag} 3.10, run: !!seq [a]}}") == []


HUGE = "a" * (MAX_TEXT_BYTES + 1)


@pytest.mark.parametrize(
    "text",
    [
        *(f"image: {HUGE}", f"environment: [A={HUGE}]", f"build: {{run: [{HUGE}]}}"),
        *(f"build: {{system_packages: [{HUGE}]}}", f"build: {{labels: {{a: {HUGE}}}}}"),
    ],
    ids=lambda text: text[:20],
)
def test_a_text_is_what_a_process_can_be_handed(text: str) -> None:
    problem = only(text)
    assert "bytes, and Linux hands 131071 to a process (put it into a file of the project)" in (
        problem
    )


def test_a_text_of_the_greatest_length_is_read() -> None:
    assert problems(f"environment: [A={'b' * (MAX_TEXT_BYTES - 2)}]") == []


@pytest.mark.parametrize(
    "text",
    [
        *(f"build: {{python_version: {'3' * 100_000}}}", f"{'b' * 1000}: 1"),
        *(f"run: {'a/' * 60_000}", f"environment: [{'A' * 100_000}]"),
        *(f"build: {{gpu: {'x' * 100_000}}}", f"environment: [R8_{'A' * 90_000}=]"),
        *(f"build: {{labels: {{{'a' * 1000}: ''}}}}", f"build: {{cache: {'x' * 100_000}}}"),
        f"environment: [{', '.join([f'A{HUGE[:90_000]}=1'] * 2)}]",
    ],
    ids=lambda text: text[:24],
)
def test_a_message_shows_the_head_of_a_long_text(text: str) -> None:
    for problem in problems(text):
        assert len(problem) < 500


def test_a_text_is_shown_in_one_line() -> None:
    assert shown("a\n\x1b\0") == r"'a\n\x1b\x00'"
    assert shown("a" * 100) == f"'{'a' * 80}'... (100 characters)"


def entries(number: int) -> str:
    return ", ".join(f"a{each}" for each in range(number))


@pytest.mark.parametrize("key", ["run", "copy", "pre_install"])
def test_a_list_of_layers_is_bounded(key: str) -> None:
    assert problems(f"build: {{{key}: [{entries(MOST)}]}}") == []
    assert f"build.{key} has 101 entries, and 100 are the most (join some of them)" in only(
        f"build: {{{key}: [{entries(MOST + 1)}]}}"
    )


def weights(targets: Iterator[str]) -> str:
    return "weights:\n" + "".join(f"- {{target: {each}, source: a}}\n" for each in targets)


SHAPES: dict[str, Callable[[int], str]] = {
    "packages": lambda n: f"build: {{python_packages: [{entries(n)}]}}",
    "system": lambda n: f"build: {{system_packages: [{entries(n)}]}}",
    "environment": lambda n: "environment:\n" + "".join(f"- A{i}=1\n" for i in range(n)),
    "unknown": lambda n: "".join(f"biuld{i}: 1\n" for i in range(n)),
    "labels": lambda n: "build:\n  labels:\n" + "".join(f"    a{i}: 1\n" for i in range(n)),
    "anchors": lambda n: "".join(f"a{i}: &a{i} x\nb{i}: *a{i}\n" for i in range(n)),
    "blank lines": lambda n: "build: {run: [a]}\n" + "\n" * n,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_work_grows_with_the_file_and_not_faster(shape: str) -> None:
    text = SHAPES[shape]
    few, many = (calls(lambda n=n: problems(text(n))) for n in (500, 2000))  # type: ignore[misc]  # n is bound
    assert many < 5 * few + 1000


def test_every_pair_of_targets_that_overlaps_is_named_once() -> None:
    found = problems(weights(iter(["/b/c", "/a", "/b", "/b-c", "/a/x/y"])))
    assert found == [
        "cog.yaml:4:12: weights: the targets '/b/c' (line 2) and '/b' overlap",
        "cog.yaml:6:12: weights: the targets '/a' (line 3) and '/a/x/y' overlap",
    ]
