"""Where an installed package came from: the lock's file of it, told by the tags of its wheel."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from cog_frontend.plan.lock import Package, file_name
from cog_frontend.sbom.inventory import PythonPackage

# Hashes of a lock file that SPDX has a name for.
_ALGORITHMS = {
    name: name.upper() for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a package is from.

    ``location`` is an address without credentials or ``git+...@commit`` (empty: it is not known);
    ``path`` a file of the project; ``checksums`` pairs of SPDX's algorithm and hexadecimal digits,
    of that file; ``commit``: it was built from a repository.
    """

    location: str = ""
    path: str = ""
    checksums: tuple[tuple[str, str], ...] = ()
    is_repository: bool = False


def origin(found: PythonPackage, locked: Package) -> Origin | None:
    """Return where ``found`` is from; None where the lock leaves more than one file to choose."""
    files = [tomllib.loads(f"source = {text}")["source"] for text in locked.sources]
    if locked.kind == "vcs":
        (source,) = files
        address = bare(str(source["url"]))
        folder = f"#{source['subdirectory']}" if "subdirectory" in source else ""
        location = f"{source['type']}+{address}@{source['commit-id']}{folder}"
        return Origin(location=location, is_repository=True)
    file = _file(files, frozenset(found.tags))
    if file is None:
        return None
    hashes: Mapping[str, str] = file.get("hashes", {})
    return Origin(
        location=bare(str(file["url"])) if "url" in file else "",
        path=str(file.get("path", "")),
        checksums=tuple(
            (_ALGORITHMS[name], value) for name, value in hashes.items() if name in _ALGORITHMS
        ),
    )


def bare(url: str) -> str:
    """Return an address without what may be secret: a user, a password, a query, a fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _file(files: list[Mapping[str, Any]], tags: frozenset[str]) -> Mapping[str, Any] | None:
    """The only file, or the only one whose name has the tags that the package tells of."""
    if len(files) == 1:
        return files[0]
    alike = [each for each in files if _tags(file_name(each)) == tags]
    return alike[0] if len(alike) == 1 else None


def _tags(wheel: str) -> frozenset[str]:
    """The tags of a wheel's name, one by one: ``py2.py3-none-any`` stands for two (PEP 425)."""
    parts = [part.split(".") for part in wheel.removesuffix(".whl").split("-")[-3:]]
    if len(parts) != 3:
        return frozenset()
    return frozenset(f"{py}-{abi}-{on}" for py in parts[0] for abi in parts[1] for on in parts[2])
