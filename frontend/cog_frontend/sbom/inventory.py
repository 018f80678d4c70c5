"""The inventory of an image, as ``inventory.py`` of the toolbox writes it down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORMAT = 1


class BadInventory(Exception):
    """The bytes are no inventory that this cogkit reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianPackage:
    """A package that dpkg knows; ``licences`` are Debian's own short names."""

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    maintainer: str
    licences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonPackage:
    """A Python package in the folder ``path``; ``tags`` are those of the wheel it came in."""

    name: str
    version: str
    path: str
    license_expression: str
    license: str
    home_page: str
    classifiers: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """A file of a layer of weights; ``size`` is in bytes."""

    layer: str
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What is installed in an image: ``os`` is its os-release, ``interpreter`` name and version."""

    os: Mapping[str, str]
    interpreter: tuple[str, str]
    debian: tuple[DebianPackage, ...]
    python: tuple[PythonPackage, ...]
    weights: tuple[WeightFile, ...]


def read_inventory(data: bytes) -> Inventory:
    """Return an inventory; raise ``BadInventory`` for what is none."""
    try:
        found = json.loads(data)
        if found["format"] != FORMAT:
            raise BadInventory(f"format {found['format']!r}, and {FORMAT} is what is understood")
        interpreter = found["interpreter"]
        return Inventory(
            os=found["os"],
            interpreter=(interpreter["name"], interpreter["version"]),
            debian=tuple(DebianPackage(**_frozen(each)) for each in found["debian"]),
            python=tuple(PythonPackage(**_frozen(each)) for each in found["python"]),
            weights=tuple(WeightFile(**each) for each in found["weights"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInventory(repr(error)) from error


def _frozen(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
    }
