from __future__ import annotations

import pytest

from cog.worker.failure import MAX_ERROR, InputError, error_text, traceback_text


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    with pytest.raises(type(error)) as caught:
        raise error from cause
    return caught.value


def test_an_error_is_its_type_and_message() -> None:
    assert error_text(ValueError("boom")) == "ValueError: boom"
    assert error_text(KeyError("x")) == "KeyError: 'x'"
    assert error_text(SystemExit(4)) == "SystemExit: 4"


def test_an_input_error_is_its_message() -> None:
    assert error_text(InputError("input 'n': too large")) == "input 'n': too large"


def test_an_error_without_message_is_its_type() -> None:
    assert error_text(ValueError()) == "ValueError"


def test_an_endless_message_is_cut() -> None:
    assert error_text(ValueError("x" * 10**6)) == f"ValueError: {'x' * MAX_ERROR}…"


def test_an_error_that_cannot_be_shown_is_still_told() -> None:
    text = "Mute: (its message cannot be shown: RuntimeError)"
    assert error_text(Mute()) == text
    assert "Mute" in traceback_text(raised(Mute()))


def test_a_traceback_shows_causes() -> None:
    text = traceback_text(raised(TypeError("second"), cause=raised(ValueError("first"))))
    assert text.index("ValueError: first") < text.index("direct cause") < text.index("TypeError")
