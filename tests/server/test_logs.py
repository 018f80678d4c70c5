from __future__ import annotations

import io
import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog.server.logs import LOGGER, MODEL_LOGGER, Lines, LogBuffer, configure_logging


@given(st.lists(st.text()), st.integers(1, 30))
def test_a_buffer_keeps_the_end(parts: list[str], limit: int) -> None:
    buffer = LogBuffer(limit)
    for part in parts:
        buffer.add(part)
    whole = "".join(parts)
    if len(whole) <= limit:
        assert str(buffer) == whole
    else:
        assert str(buffer) == f"[earlier log text dropped]\n{whole[-limit:]}"


@given(st.text(alphabet="ab\n"), st.lists(st.integers(0, 20)))
def test_any_cut_of_a_text_gives_the_same_lines(text: str, cuts: list[int]) -> None:
    lines, start = Lines(), 0
    found: list[str] = []
    for cut in [*sorted(cuts), len(text)]:
        found += lines.add(("a", "stdout"), text[start:cut])
        start = max(start, cut)
    found += [line for _, line in lines.end("a")]
    assert found == text.splitlines()


def test_lines_of_different_sources_do_not_mix() -> None:
    lines = Lines()
    assert list(lines.add(("a", "stdout"), "one ")) == []
    assert list(lines.add(("a", "stderr"), "two\n")) == ["two"]
    assert list(lines.add((None, "stdout"), "three\n")) == ["three"]
    assert list(lines.end("a")) == [("stdout", "one ")]
    assert list(lines.end("a")) == []


def test_a_line_that_never_ends_is_cut() -> None:
    lines = Lines(limit=4)
    assert list(lines.add(("a", "stdout"), "abc")) == []
    assert list(lines.add(("a", "stdout"), "de")) == ["abcde"]
    assert list(lines.end("a")) == []


@pytest.fixture(name="written")
def _written() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture(autouse=True)
def _restored() -> object:
    root, ours = logging.getLogger(), logging.getLogger("cog")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def test_json_lines_carry_the_prediction(written: io.BytesIO) -> None:
    configure_logging(logging.INFO, "json", written)
    extra = {"prediction_id": "a", "stream": "stdout"}
    logging.getLogger("cog.model").info("é 100%\udcff", extra=extra)
    logging.getLogger("cog").debug("not shown")

    (line,) = written.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "info",
        "logger": "cog.model",
        "message": "é 100%\udcff",
        "prediction_id": "a",
        "stream": "stdout",
    }


def test_console_lines_are_for_people(written: io.BytesIO) -> None:
    configure_logging(logging.INFO, "console", written)
    logging.getLogger("cog.model").info("hi", extra={"prediction_id": "a", "stream": "stdout"})
    logging.getLogger("cog").warning("ho")

    one, two = written.getvalue().decode().splitlines()
    assert one.endswith(" info    [a] hi")
    assert two.endswith(" warning ho")


@pytest.mark.parametrize("style", ["json", "console"])
def test_tracebacks_are_written(written: io.BytesIO, style: str) -> None:
    configure_logging(logging.INFO, style, written)
    try:
        sys.exit("boom")
    except SystemExit:
        logging.getLogger("cog").exception("failed")
    assert b"SystemExit: boom" in written.getvalue()


@pytest.mark.parametrize("style", ["json", "console"])
def test_identity_log_injection_by_what_clients_send(style: str) -> None:
    stream = io.BytesIO()
    configure_logging(logging.INFO, style, stream)
    logging.getLogger(LOGGER).warning("Unknown inputs: %s", "a\r\n12:00:00 error \x1b[31mb\u2028")
    logging.getLogger(MODEL_LOGGER).info("%s", "\x1b[31mred")
    first, second = stream.getvalue().splitlines()
    assert b"\x1b" not in first
    assert b"\\x1b[31mb" in first or b"\\u001b[31mb" in first
    assert b"red" in second
