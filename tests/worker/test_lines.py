from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cog.worker.lines import HOLD, Lines, chunks


@given(st.text(alphabet="aä\n\r€", max_size=30), st.integers(1, 5))
def test_any_cut_gives_the_same_text_in_whole_lines(text: str, size: int) -> None:
    data, lines, parts = text.encode(), Lines(), []
    for start in range(0, len(data), size):
        part = lines.feed(data[start : start + size])
        assert part == "" or part.endswith(("\n", "\r"))
        parts.append(part)
    parts.append(lines.close())
    assert "".join(parts) == text


@given(st.binary(max_size=30), st.integers(1, 5))
def test_any_bytes_become_text(data: bytes, size: int) -> None:
    lines = Lines()
    parts = [lines.feed(data[start : start + size]) for start in range(0, len(data), size)]
    assert "".join([*parts, lines.close()]) == data.decode("utf-8", "replace")


def test_an_unfinished_line_is_held_until_it_is_asked_for() -> None:
    lines = Lines()
    assert lines.feed(b"one\ntw") == "one\n"
    assert lines.flush() == "tw"
    assert lines.feed(b"o\n") == "o\n"


def test_a_line_without_end_goes_out_in_parts() -> None:
    lines = Lines()
    assert lines.feed(b"x" * HOLD) == ""
    assert lines.feed(b"x") == "x" * (HOLD + 1)


def test_flushing_in_the_middle_of_a_character_keeps_it_whole() -> None:
    lines = Lines()
    assert lines.feed("ä".encode()[:1]) + lines.flush() == ""
    assert lines.feed("ä".encode()[1:] + b"\n") == "ä\n"


def test_chunks_are_at_most_so_long() -> None:
    assert list(chunks("abcde", 2)) == ["ab", "cd", "e"]
    assert list(chunks("", 2)) == []
