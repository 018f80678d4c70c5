"""What the daemon would refuse is refused here, where the caller can see which value it was.

Sources of the rules: BuildKit's solver/llbsolver/vertex.go and solver/llbsolver/ops/opsutils
(what a definition must hold) and the integer types of solver/pb/ops.proto.
"""

from __future__ import annotations

from collections.abc import Sequence

INT32_MAX = 2**31 - 1
UINT32_MAX = 2**32 - 1
INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1
MODE_MAX = 0o7777


class LLBError(Exception):
    """A graph or a definition that BuildKit would not accept; the text says which part."""


def check_text(what: str, value: object, *, empty: bool = False) -> None:
    """Refuse what is no text that can travel.

    NUL ends a C string, and lone surrogates are not UTF-8.
    """
    if not isinstance(value, str):
        raise LLBError(f"{what} is {_typed(value)}, not a text")
    if not value and not empty:
        raise LLBError(f"{what} is empty")
    if "\0" in value:
        raise LLBError(f"{what} holds a NUL character: {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise LLBError(f"{what} is not valid Unicode: {value!r}") from error


def check_list(what: str, values: object) -> tuple[str, ...]:
    """Refuse what is no sequence of texts; one text would be taken letter by letter."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise LLBError(f"{what} is {_typed(values)}, not a list of texts")
    for value in values:
        if not isinstance(value, str):
            raise LLBError(f"{what} holds {_typed(value)}, not a text")
    return tuple(values)


def check_texts(what: str, values: object) -> tuple[str, ...]:
    """Refuse what is no sequence of texts that can travel."""
    texts = check_list(what, values)
    for text in texts:
        check_text(what, text, empty=True)
    return texts


def check_tree(what: str, value: object) -> None:
    """Refuse what is no state, nor anything else that yields a tree."""
    if hasattr(value, "root"):
        raise LLBError(f"{what} is a command, not a state: take its root or an output of it")
    if not hasattr(value, "output") or not hasattr(value, "cwd"):
        raise LLBError(f"{what} is {_typed(value)}, not a state")


def check_absolute(what: str, value: str) -> None:
    """Refuse a path that does not start at the root."""
    check_text(what, value)
    if not value.startswith("/"):
        raise LLBError(f"{what} is not an absolute path: {value!r}")


def check_number(what: str, value: object, low: int, high: int) -> None:
    """Refuse what is no whole number in ``low..high``, both included."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise LLBError(f"{what} is {_typed(value)}, not a whole number")
    if not low <= value <= high:
        raise LLBError(f"{what} is {value}, not in {low}..{high}")


def check_mode(what: str, value: object, high: int = MODE_MAX) -> None:
    """Refuse what is no number of permission bits in ``0..high``."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise LLBError(f"{what} has mode {_typed(value)}, not a number such as 0o644")
    if not 0 <= value <= high:
        raise LLBError(f"{what} has mode {value:#o}, not in 0..{high:#o}")


def check_digest(what: str, value: str) -> None:
    """Refuse what is not ``algorithm:hex`` (OCI image-spec, descriptor.md, "Digests")."""
    algorithm, _, encoded = value.partition(":")
    hexadecimal = encoded and not encoded.strip("0123456789abcdef")
    sized = len(encoded) == {"sha256": 64, "sha384": 96, "sha512": 128}.get(algorithm)
    if not hexadecimal or not sized:
        raise LLBError(f"{what} is not a digest such as sha256:<64 hex digits>: {value!r}")


def _typed(value: object) -> str:
    return f"{type(value).__name__} {value!r}"
