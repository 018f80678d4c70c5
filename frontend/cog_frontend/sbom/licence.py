"""Licences in the words of packages -> SPDX expressions. What is not sure is not said.

Names: spdx.org/licenses; the classifiers that packages may have (trove-classifiers); Debian's short
names as in its machine-readable copyright format 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable

from cog_frontend.sbom.inventory import DebianPackage, PythonPackage

UNKNOWN = "NOASSERTION"

# Classifiers that name one licence; "BSD License" and the like name a family.
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
}
_DEBIAN = {
    "Artistic": "Artistic-1.0-Perl",
    "BSD-2-clause": "BSD-2-Clause",
    "BSD-3-clause": "BSD-3-Clause",
    "Expat": "MIT",
    **{
        f"{short}{plus}": f"{name}{'-or-later' if plus else '-only'}"
        for plus in ("", "+")
        for short, name in (
            ("AGPL-3", "AGPL-3.0"),
            ("GFDL-1.2", "GFDL-1.2"),
            ("GFDL-1.3", "GFDL-1.3"),
            ("GPL-1", "GPL-1.0"),
            ("GPL-2", "GPL-2.0"),
            ("GPL-3", "GPL-3.0"),
            ("LGPL-2", "LGPL-2.0"),
            ("LGPL-2.1", "LGPL-2.1"),
            ("LGPL-3", "LGPL-3.0"),
        )
    },
}


def python_licence(package: PythonPackage) -> tuple[str, str]:
    """The licence that a package declares, as an expression, and its own words where that is none.

    In the order of PEP 639: the expression, then what older metadata has.
    """
    named = (package.license_expression, package.license)
    for text in filter(None, named):
        if expression := _expression(text):
            return expression, ""
    classified = [each.rpartition(" :: ")[2] for each in package.classifiers]
    known = [_CLASSIFIERS.get(name, "") for name in classified]
    # Several classifiers may stand for a choice or for all of them.
    if len(known) == 1 and known[0]:
        return known[0], ""
    return UNKNOWN, "; ".join(filter(None, (*named, *classified)))


def debian_licence(package: DebianPackage) -> tuple[str, str]:
    """All licences that a package's copyright file has, and their names where one is not known."""
    names = package.licences
    known = [_DEBIAN.get(name) or _expression(name) for name in names]
    if not known or not all(known):
        return UNKNOWN, "; ".join(names)
    return _all_of(known), ""


def _all_of(expressions: Iterable[str]) -> str:
    parts = sorted({f"({each})" if " OR " in each else each for each in expressions})
    return " AND ".join(parts)


def _expression(text: str) -> str:
    """Return an SPDX expression as SPDX spells it; empty for what is none."""
    from packaging.licenses import (  # noqa: PLC0415 - few builds ask
        InvalidLicenseExpression,
        canonicalize_license_expression,
    )

    try:
        found = str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return ""
    # A reference stands for a text, which the document would have to hold.
    return "" if "LicenseRef-" in found else found
