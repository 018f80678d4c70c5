"""What the daemon would refuse is refused here, where the caller can see which value it was.

Sources of the rules: BuildKit's solver/llbsolver/vertex.go and solver/llbsolver/ops/opsutils
(what a definition must hold) and the integer types of solver/pb/ops.proto.
"""

from __future__ import annotations

UINT32_MAX = 2**32 - 1
INT64_MAX = 2**63 - 1
MODE_MAX = 0o7777


class LLBError(Exception):
    """A graph or a definition that BuildKit would not accept; the text says which part."""


def check_text(what: str, value: str, *, empty: bool = False) -> None:
    """Refuse text that cannot travel: NUL ends a C string, lone surrogates are not UTF-8."""
    if not value and not empty:
        raise LLBError(f"{what} is empty")
    if "\0" in value:
        raise LLBError(f"{what} holds a NUL character: {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise LLBError(f"{what} is not valid Unicode: {value!r}") from error


def check_absolute(what: str, value: str) -> None:
    """Refuse a path that does not start at the root."""
    check_text(what, value)
    if not value.startswith("/"):
        raise LLBError(f"{what} is not an absolute path: {value!r}")


def check_number(what: str, value: int, low: int, high: int) -> None:
    """Refuse a number outside ``low..high``, both included."""
    if not low <= value <= high:
        raise LLBError(f"{what} is {value}, not in {low}..{high}")


def check_mode(what: str, value: int, high: int = MODE_MAX) -> None:
    """Refuse permission bits outside ``0..high``."""
    if not 0 <= value <= high:
        raise LLBError(f"{what} has mode {value:#o}, not in 0..{high:#o}")


def check_digest(what: str, value: str) -> None:
    """Refuse what is not ``algorithm:hex`` (OCI image-spec, descriptor.md, "Digests")."""
    algorithm, _, encoded = value.partition(":")
    hexadecimal = encoded and not encoded.strip("0123456789abcdef")
    sized = len(encoded) == {"sha256": 64, "sha384": 96, "sha512": 128}.get(algorithm)
    if not hexadecimal or not sized:
        raise LLBError(f"{what} is not a digest such as sha256:<64 hex digits>: {value!r}")
