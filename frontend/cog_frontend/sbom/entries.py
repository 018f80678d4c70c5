"""One entry of an SPDX document for each thing in an image (SPDX 2.3, chapter 7)."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from cog_frontend.plan.lock import Package
from cog_frontend.plan.requirement_lines import normalised
from cog_frontend.sbom.inventory import DebianPackage, PythonPackage, WeightFile
from cog_frontend.sbom.licence import UNKNOWN, debian_licence, python_licence
from cog_frontend.sbom.origin import Origin, bare, origin

_DIGITS = 12


def identifier(kind: str, name: str, *apart: str) -> str:
    """An id that is the same for the same thing; ``apart`` tells things of one name apart."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")
    digest = hashlib.sha256(repr((name, *apart)).encode()).hexdigest()[:_DIGITS]
    return f"SPDXRef-{kind}-{readable}-{digest}"


def purl(kind: str, *path: str, version: str = "", **qualifiers: str) -> str:
    """A package URL (github.com/package-url/purl-spec); qualifiers that are empty are left out."""
    name = "/".join(quote(part, safe="") for part in path)
    known = {key: value for key, value in sorted(qualifiers.items()) if value}
    query = "&".join(f"{key}={quote(value, safe=':/')}" for key, value in known.items())
    at = f"@{quote(version, safe=':')}" if version else ""
    return f"pkg:{kind}/{name}{at}{f'?{query}' if query else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A thing in an image: a package, as SPDX calls each of them.

    ``purpose`` is one of SPDX's, ``location`` where it is downloaded from, ``licence`` what it
    declares as an expression, and its own words where those are no expression. ``checksums`` are
    pairs of SPDX's algorithm and hexadecimal digits. What is empty is not said.
    """

    id: str
    name: str
    purpose: str
    version: str = ""
    purl: str = ""
    location: str = ""
    homepage: str = ""
    supplier: str = ""
    licence: tuple[str, str] = (UNKNOWN, "")
    checksums: tuple[tuple[str, str], ...] = ()
    file: str = ""
    about: str = ""
    told: str = ""

    def package(self) -> Mapping[str, object]:
        """The entry in SPDX's words."""
        licence, own_words = self.licence
        made = {
            "SPDXID": self.id,
            "name": self.name,
            "versionInfo": self.version,
            "packageFileName": self.file,
            "primaryPackagePurpose": self.purpose,
            "supplier": self.supplier,
            "downloadLocation": self.location or UNKNOWN,
            "filesAnalyzed": False,
            "homepage": self.homepage,
            "checksums": [
                {"algorithm": name, "checksumValue": value} for name, value in self.checksums
            ],
            "sourceInfo": self.told,
            "licenseConcluded": UNKNOWN,
            "licenseDeclared": licence,
            "licenseComments": f"declared as: {own_words}" if own_words else "",
            "copyrightText": UNKNOWN,
            "description": self.about,
            "externalRefs": [_reference(self.purl)] if self.purl else [],
        }
        return {key: value for key, value in made.items() if value not in ("", [])}


def _reference(locator: str) -> Mapping[str, str]:
    return {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": locator,
    }


def debian_entry(package: DebianPackage, system: Mapping[str, str]) -> Entry:
    """A Debian package; what it was built from is its upstream."""
    distribution = system.get("id", "debian")
    upstream = package.source
    if package.source_version != package.version:
        upstream = f"{package.source}@{package.source_version}"
    return Entry(
        id=identifier("deb", package.name, package.version, package.architecture),
        name=package.name,
        version=package.version,
        purpose="LIBRARY",
        supplier=f"Organization: {package.maintainer}" if package.maintainer else "",
        licence=debian_licence(package),
        purl=purl(
            *("deb", distribution, package.name),
            version=package.version,
            arch=package.architecture,
            distro="-".join(filter(None, (distribution, system.get("version_id", "")))),
            upstream="" if upstream == package.name else upstream,
        ),
        told="installed by dpkg",
    )


def python_entry(package: PythonPackage, locked: Package | None) -> Entry:
    """A Python package; ``locked`` is what the lock says of it, where it was installed from it."""
    name = normalised(package.name)
    found = (origin(package, locked) if locked else None) or Origin()
    told = f"installed in {package.path}"
    if found.path:
        told += f", from {found.path} of the project"
    elif locked and locked.is_source:
        told += ", built from source"
    return Entry(
        id=identifier("python", name, package.version, package.path),
        name=name,
        version=package.version,
        purpose="LIBRARY",
        location=found.location,
        homepage=package.home_page if package.home_page.startswith("http") else "",
        licence=python_licence(package),
        checksums=found.checksums,
        purl=purl(
            "pypi",
            name,
            version=package.version,
            vcs_url=found.location if found.is_repository else "",
        ),
        told=told,
    )


def weight_entry(file: WeightFile, url: str) -> Entry:
    """A file of weights; ``url`` is where it was fetched from, empty for one of the project."""
    name = posixpath.basename(file.path)
    address = bare(url) if url else ""
    checksum = f"sha256:{file.sha256}"
    return Entry(
        id=identifier("weights", name, file.path),
        name=name,
        purpose="FILE",
        location=address,
        file=file.path,
        checksums=(("SHA256", file.sha256),),
        purl=purl("generic", name, checksum=checksum, download_url=address),
        told=f"{file.size} bytes in the layer {file.layer}",
    )
