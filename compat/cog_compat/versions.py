"""Comparing what a project asks for with the rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cog_compat.errors import NoMatch, Rejected

_SHOWN = 6


class Row(Protocol):
    """What every table of packages has."""

    @property
    def version(self) -> Version:
        """The release."""
        ...

    @property
    def pythons(self) -> tuple[str, ...]:
        """The Pythons (``3.12``) it has wheels for."""
        ...


R = TypeVar("R", bound=Row)


def candidates(
    rows: Iterable[R],
    specifier: SpecifierSet,
    *,
    python: str,
    wanted: str,
    reject: Callable[[R], str] = lambda _: "",
) -> list[R]:
    """Return the rows that fit, in their order; ``NoMatch`` with the reasons when none does.

    ``reject`` gives a reason against a row that fits otherwise, or an empty text.
    """
    fitting, rejected, versions = [], [], []
    for row in rows:
        versions.append(row.version)
        if not specifier.contains(row.version, prereleases=True):
            continue
        reason = reject(row)
        if python not in row.pythons:
            reason = f"it has wheels for Python {_several(row.pythons)}, not {python}"
        if reason:
            rejected.append(Rejected(str(row), reason))
        else:
            fitting.append(row)
    if fitting:
        return fitting
    if not rejected:
        span = f"known are {min(versions)} to {max(versions)}"
        rejected.append(Rejected("no such release", span))
    raise NoMatch(wanted, tuple(rejected[:_SHOWN]))


def _several(pythons: tuple[str, ...]) -> str:
    return f"{pythons[0]} to {pythons[-1]}" if len(pythons) > 1 else "".join(pythons) or "none"


def is_newer(specifier: SpecifierSet, rows: Iterable[Row]) -> bool:
    """Whether a project asks for a release that came out after the table was made."""
    bounds = [each for each in specifier if each.operator in {"==", "===", "~=", ">=", ">"}]
    asked = [Version(each.version.removesuffix(".*")) for each in bounds]
    return bool(asked) and max(asked) > max(row.version for row in rows)


def pinned(specifier: SpecifierSet) -> Version | None:
    """Return the one version that a specifier admits, if it names it."""
    for each in specifier:
        if each.operator in {"==", "==="} and not each.version.endswith(".*"):
            return Version(each.version)
    return None


def minor(version: str) -> tuple[int, int]:
    """Return major and minor of a CUDA version; a missing minor is 0."""
    major, _, rest = version.partition(".")
    return int(major), int(rest.partition(".")[0] or 0)
