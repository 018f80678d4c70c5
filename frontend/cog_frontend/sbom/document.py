"""The SPDX 2.3 document of an image: what is installed, and what the lock knows of it.

The same facts give the same bytes: there is no clock and no chance in it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cog_frontend.plan import Lock, Plan, layout
from cog_frontend.plan.model import Copy, Fetch
from cog_frontend.plan.requirement_lines import normalised
from cog_frontend.sbom.entries import (
    Entry,
    debian_entry,
    identifier,
    purl,
    python_entry,
    weight_entry,
)
from cog_frontend.sbom.inventory import Inventory
from cog_frontend.sbom.licence import UNKNOWN

# What in-toto calls a predicate that is such a document.
PREDICATE_TYPE = "https://spdx.dev/Document"
_DOCUMENT = "SPDXRef-DOCUMENT"
_IMAGE = "SPDXRef-image"
_BASE = "SPDXRef-base"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What a build knows of its image besides what is in it.

    ``base`` is the reference of the image below, with its digest; ``cogkit`` our version, ``epoch``
    the time of the build, in seconds since 1970 (None: the document has no better one).
    """

    plan: Plan
    lock: Lock | None
    base: str
    platform: str
    cogkit: str
    epoch: int | None = None


def document_json(facts: ImageFacts, found: Inventory) -> bytes:
    """Return the document as JSON."""
    made = document(facts, found)
    return (json.dumps(made, indent=1, ensure_ascii=False) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def document(facts: ImageFacts, found: Inventory) -> Mapping[str, object]:
    """Return the document: packages in the order of their kinds and names."""
    image = Entry(id=_IMAGE, name="image", purpose="CONTAINER", told=f"for {facts.platform}")
    inside = {each.id: each for each in _contents(facts, found)}
    packages = [image, _base(facts.base), *inside.values()]
    relations = [
        (_DOCUMENT, "DESCRIBES", _IMAGE),
        (_IMAGE, "DESCENDANT_OF", _BASE),
        *((_IMAGE, "CONTAINS", each) for each in inside),
    ]
    body = {
        "packages": [each.package() for each in packages],
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
            for one, kind, other in relations
        ],
    }
    content = json.dumps(body, sort_keys=True)
    moment = datetime.fromtimestamp(facts.epoch or 0, UTC)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": "image",
        # One of its own for each content, as SPDX wants it.
        "documentNamespace": uuid.uuid5(uuid.NAMESPACE_OID, content).urn,
        "creationInfo": {
            "created": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "creators": [f"Tool: cogkit-{facts.cogkit}"],
        },
        **body,
    }


def _base(ref: str) -> Entry:
    """The image that everything stands on."""
    name, _, digest = ref.partition("@")
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        path, tag = name, ""
    host, _, repository = path.partition("/")
    return Entry(
        id=_BASE,
        name=name,
        version=digest,
        purpose="CONTAINER",
        purl=purl(
            *("oci", repository.rpartition("/")[2] or host),
            version=digest,
            repository_url=path,
            tag=tag,
        ),
    )


def _contents(facts: ImageFacts, found: Inventory) -> Iterator[Entry]:
    yield _system(found.os)
    yield from _copied(facts.plan)
    yield _interpreter(found)
    yield Entry(
        id=identifier("cogkit", "cogkit"),
        name="cogkit",
        version=facts.cogkit,
        purpose="APPLICATION",
        licence=("Apache-2.0", ""),
        purl=purl("pypi", "cogkit", version=facts.cogkit),
        told=f"the server and what starts it, in {layout.RUNTIME}",
    )
    for package in found.debian:
        yield debian_entry(package, found.os)
    locked = {each.name: each for each in facts.lock.packages} if facts.lock else {}
    for python in found.python:
        lock = locked.get(normalised(python.name))
        of_lock = lock and python.path.startswith(f"{layout.VENV}/")
        is_same = lock and lock.version in ("", python.version)
        yield python_entry(python, lock if of_lock and is_same else None)
    urls = dict(_fetched(facts.plan))
    for file in found.weights:
        yield weight_entry(file, urls.get(file.path, ""))


def _system(system: Mapping[str, str]) -> Entry:
    name = system.get("id", "linux")
    return Entry(
        id=identifier("os", name),
        name=name,
        version=system.get("version_id", ""),
        purpose="OPERATING-SYSTEM",
        about=system.get("pretty_name", ""),
    )


def _interpreter(found: Inventory) -> Entry:
    name, version = found.interpreter
    is_usual = name == "CPython"
    return Entry(
        id=identifier("interpreter", name),
        name=name,
        version=version,
        purpose="APPLICATION",
        licence=("PSF-2.0" if is_usual else UNKNOWN, ""),
        purl=purl("generic", "python", version=version) if is_usual else "",
    )


def _copied(plan: Plan) -> Iterator[Entry]:
    """The images that files were taken from, with the paths."""
    refs = {image.name: image.ref for image in plan.images}
    paths: dict[str, list[str]] = {}
    for layer in plan.layers:
        for step in layer.steps if layer.kept else ():
            if isinstance(step, Copy) and step.source in refs:
                paths.setdefault(refs[step.source], []).append(step.path)
    for ref, taken in sorted(paths.items()):
        yield Entry(
            id=identifier("copied", ref),
            name=ref,
            purpose="CONTAINER",
            told=f"copied from it: {', '.join(taken)}",
        )


def _fetched(plan: Plan) -> Iterator[tuple[str, str]]:
    """The paths of files that were fetched, and from where."""
    for layer in plan.layers:
        for step in layer.steps:
            if isinstance(step, Fetch):
                yield from ((file.path, file.url) for file in step.files)
