"""Whatever bytes a file holds, the answer is a tree or a problem with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.errors import Span
from cog_frontend.schema.source import MAX_SOURCE_BYTES, SourceError, parse
from tests.schema.reading import problem, problems, read_files, with_input

PREDICTOR = "class Predictor:\n    def predict(self, a: str) -> str: ...\n"


def refused(data: bytes) -> tuple[str, Span | None]:
    with pytest.raises(SourceError) as caught:
        parse(data, "predict.py")
    assert caught.value.problem.file == "predict.py"
    return caught.value.problem.message, caught.value.problem.span


def test_syntax_error_is_a_problem_at_its_line_and_column() -> None:
    (only,) = problems({"predict.py": "x = 1\nclass Predictor:\n    def predict(self:\n"})
    assert only.message.startswith("syntax error: ")
    assert only.span is not None
    assert only.span.start_line == 3
    assert only.span.start_column == 16


def test_syntax_error_in_an_imported_file_names_that_file() -> None:
    files = {
        "predict.py": with_input("str", "LIMIT", "from consts import LIMIT"),
        "consts.py": "1 +",
    }
    (only,) = problems(files)
    assert (only.file, only.span and only.span.start_line) == ("consts.py", 1)


def test_broken_file_that_no_input_needs_is_not_read() -> None:
    source = f"from consts import LIMIT\nfrom other import *\n{PREDICTOR}"
    assert read_files({"predict.py": source, "consts.py": "1 +"}).inputs[0].name == "a"


@pytest.mark.parametrize("newer", ["type X = = int", "def f[T](x: = T): ...", "class A[T = ]: ..."])
def test_syntax_that_only_a_newer_python_knows_says_so(newer: str) -> None:
    assert "the build reads this file as Python 3." in problem(f"{newer}\n{PREDICTOR}")


def test_byte_order_mark_crlf_and_declared_encodings_are_read() -> None:
    for data in (
        b"\xef\xbb\xbf" + PREDICTOR.encode(),
        PREDICTOR.replace("\n", "\r\n").encode(),
        PREDICTOR.replace("\n", "\r").encode(),
        "# coding: latin-1\nX = 'é'\n".encode("latin-1") + PREDICTOR.encode(),
        "# -*- coding: utf-8 -*-\n# é\n".encode() + PREDICTOR.encode(),
    ):
        assert read_files({"predict.py": data}).inputs[0].name == "a"


def test_columns_count_characters_not_bytes() -> None:
    (only,) = problems({"predict.py": "def f(é: str, ключ: 'strr') -> str: ...\n"}, "predict.py:f")
    assert only.span == Span(1, 1, 21, 26)


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        (b"x = 1\ny = '\xff'\n", "byte 0xff is not UTF-8", 2),
        (b"# 1\n# 2\n\n# \xe9\n", "byte 0xe9 is not UTF-8", 4),
        (b"x = 1\n\n\0\n", "the file holds a NUL byte", 3),
        (b"# coding: nonsense\n", "the encoding of the file cannot be read", 1),
        (b"# coding: rot13\n", "the encoding of the file cannot be read", 1),
        (b"# coding: utf-16\nx = 1\n", "is not UTF-16", 2),
        (b"# coding: idna\n\xff\n", "byte 0xff is not ASCII", 2),
    ],
)
def test_bytes_that_are_no_text_are_a_problem(data: bytes, message: str, line: int) -> None:
    said, span = refused(data)
    assert message in said
    assert span is not None
    assert span.start_line == line


def test_file_over_the_limit_is_a_problem() -> None:
    assert parse(b"#" * MAX_SOURCE_BYTES, "predict.py").tree.body == []
    assert refused(b"#" * (MAX_SOURCE_BYTES + 1)) == ("the file is larger than 2048 KiB", None)


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "[" * 150 + "]" * 150,
        "-" * 20_000 + "1",
        "-" * 800 + "1",
        "+".join(["1"] * 20_000),
        "+".join(["1"] * 700),
        "a" + ".b" * 20_000,
        "a" + ".b" * 700,
        "f(" * 90 + ")" * 90,
        "not " * 900 + "1",
        "[x for x in " * 60 + "[]" + "]" * 60,
        "'" + "[" * 3000 + "'",
        "1" * 5000,
        "0x" + "f" * 5000,
        "{**" * 90 + "{}" + "}" * 90,
    ],
    ids=lambda text: text[:8],
)
def test_deeply_nested_code_is_a_problem_not_a_traceback(expression: str) -> None:
    for source in (
        with_input("int", expression),
        with_input(f"'{expression}'" if "'" not in expression else expression),
        with_input("int", "X", f"X = {expression}"),
        with_input("str", f"Input(choices={expression})"),
    ):
        assert problems({"predict.py": source})


@given(st.binary(max_size=200))
def test_any_bytes_are_a_tree_or_a_problem(data: bytes) -> None:
    try:
        parse(data, "predict.py")
    except SourceError as error:
        assert error.problem.message


@given(st.text(max_size=200), st.integers(0, 200))
def test_any_change_of_a_good_file_is_read_or_refused(text: str, at: int) -> None:
    source = PREDICTOR[:at] + text + PREDICTOR[at:]
    try:
        parse(source.encode(errors="replace"), "predict.py")
    except SourceError as error:
        span = error.problem.span
        assert span is None or (span.start_line >= 1 and span.end_line >= span.start_line)
