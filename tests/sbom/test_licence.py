"""Licences: an expression where it is sure, else the package's own words."""

from __future__ import annotations

from typing import Any

import pytest

from cog_frontend.sbom import read_inventory
from cog_frontend.sbom.licence import UNKNOWN, debian_licence, python_licence
from tests.sbom.facts import debian, inventory, python

OSI = "License :: OSI Approved :: "


def of_python(**fields: Any) -> tuple[str, str]:
    found = read_inventory(inventory(python=[python("x", "1", **fields)]))
    return python_licence(found.python[0])


def of_debian(*names: str) -> tuple[str, str]:
    found = read_inventory(inventory(debian=[debian("x", "1", licences=[*names])]))
    return debian_licence(found.debian[0])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"license_expression": "MIT OR apache-2.0"}, ("MIT OR Apache-2.0", "")),
        ({"license": "BSD-3-Clause"}, ("BSD-3-Clause", "")),
        ({"license_expression": "MIT", "license": "GPL-2.0-only"}, ("MIT", "")),
        ({"license": "MIT License"}, (UNKNOWN, "MIT License")),
        ({"license": "LicenseRef-Ours"}, (UNKNOWN, "LicenseRef-Ours")),
        ({"classifiers": [f"{OSI}Apache Software License"]}, ("Apache-2.0", "")),
        ({"classifiers": [f"{OSI}BSD License"]}, (UNKNOWN, "BSD License")),
        (
            {"classifiers": [f"{OSI}Apache Software License", f"{OSI}MIT License"]},
            (UNKNOWN, "Apache Software License; MIT License"),
        ),
        ({"license": "Fancy", "classifiers": [f"{OSI}MIT License"]}, ("MIT", "")),
        ({}, (UNKNOWN, "")),
    ],
)
def test_python(fields: dict[str, object], expected: tuple[str, str]) -> None:
    assert of_python(**fields) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Expat",), ("MIT", "")),
        (("GPL-2+", "BSD-3-clause", "GPL-2+"), ("BSD-3-Clause AND GPL-2.0-or-later", "")),
        (("GPL-2+", "odd"), (UNKNOWN, "GPL-2+; odd")),
        (("Zlib",), ("Zlib", "")),
        ((), (UNKNOWN, "")),
    ],
)
def test_debian(names: tuple[str, ...], expected: tuple[str, str]) -> None:
    assert of_debian(*names) == expected
