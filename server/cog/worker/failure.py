"""Exceptions of the model's code as text: one line for the client, a traceback for the log."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

MAX_ERROR = 32 * 1024
"""Characters of an exception's message that are passed on; some libraries put whole arrays in."""

_HERE = f"{Path(__file__).parents[1]}/"


class LoadError(Exception):
    """The handler cannot be used as it is; the text says what was looked for and what was found."""


class InputError(ValueError):
    """An input cannot be given to the handler; the text names the input."""


def error_text(error: BaseException) -> str:
    """Return ``ExcType: message``, or the type alone where there is no message.

    An `InputError` is the message alone: it is for the client, who cares for no type of ours.
    """
    if isinstance(error, InputError):
        return str(error)
    name = type(error).__name__
    try:
        message = str(error)
    except Exception as broken:
        message = f"(its message cannot be shown: {type(broken).__name__})"
    if len(message) > MAX_ERROR:
        message = message[:MAX_ERROR] + "…"
    return f"{name}: {message}" if message else name


def traceback_text(error: BaseException) -> str:
    """Return the traceback as Python prints it, from the first frame that is not ours."""
    try:
        own = traceback.TracebackException(type(error), error, _skip_worker(error.__traceback__))
        return "".join(own.format())
    except Exception:  # formatting calls code of the model: __str__, __notes__
        return error_text(error) + "\n"


def _skip_worker(tb: TracebackType | None) -> TracebackType | None:
    while tb is not None and _is_ours(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    return tb


def _is_ours(file: str) -> bool:
    return file.startswith((_HERE, "<frozen importlib"))
