"""Texts of options as values: each function names the option in its error."""

from __future__ import annotations

import re

from cog_frontend.errors import FrontendError

PREFIX_BUILD_ARG = "build-arg:"

# What fits the wire's int64.
_MOST = 2**63 - 1
# cpuset(7), List format.
_CPU_LIST = re.compile(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*", re.ASCII)


class OptionError(FrontendError):
    """An option of the build has a value that cannot be used; the text names the option."""


def boolean(key: str, text: str) -> bool:
    """Return a truth value in the spellings of Go's strconv.ParseBool, as every frontend takes."""
    if text in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    if text in {"0", "f", "F", "false", "FALSE", "False"}:
        return False
    raise OptionError(f"option {key}={text} must be true or false")


def number(key: str, text: str, what: str = "a number", *, least: int = 0) -> int:
    """Return a whole number of ``least`` or more; ``what`` says in the error what is counted."""
    digits = text.removeprefix("-") if least < 0 else text
    if digits.isascii() and digits.isdecimal() and len(digits) < 20:
        value = int(text)
        if least <= value <= _MOST:
            return value
    raise OptionError(f"option {key}={text} must be {what}")


def cpu_list(key: str, text: str) -> str:
    """Return a list of processors or memory nodes such as ``0-2,4``."""
    if text and not _CPU_LIST.fullmatch(text):
        raise OptionError(f"option {key}={text} must be a list of numbers such as 0-2,4")
    return text


def one_of(key: str, text: str, choices: tuple[str, ...]) -> str:
    """Return one of ``choices``, or empty text."""
    if text and text not in choices:
        raise OptionError(f"option {key}={text} must be {', '.join(choices[:-1])} or {choices[-1]}")
    return text


def names(text: str) -> list[str]:
    """Return the parts between commas, without the blanks around them."""
    return [name.strip() for name in text.split(",") if name.strip()]


def fields(key: str, text: str) -> dict[str, str]:
    """Return ``a=1,"b=2,3"`` by name: one CSV record of pairs, as BuildKit's clients write them."""
    import csv  # noqa: PLC0415 - few builds have such an option

    try:
        records = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise OptionError(f"option {key}={text} is not a list of NAME=VALUE: {error}") from error
    pairs = [entry.partition("=") for record in records for entry in record if entry]
    return {name.strip().lower(): value for name, _, value in pairs}
