"""What the client wants attested: the options ``attest:KIND`` and the build arguments beside them.

Kinds, keys and what a daemon makes by itself: BuildKit's frontend/attestations/parse.go.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cog_frontend.option_values import PREFIX_BUILD_ARG, OptionError

if TYPE_CHECKING:
    from cog_frontend.gateway import Capabilities

PREFIX_ATTEST = "attest:"
PREFIX_ATTEST_ARG = f"{PREFIX_BUILD_ARG}BUILDKIT_ATTEST_"
SBOM, PROVENANCE = KINDS = ("sbom", "provenance")
# What a builder lists that passes attestations on, and that knows how to keep them.
_CAP_RESULT = "reference.attestations"
_CAP_IMAGE = "exporter.image.attestations"
# Docker's graphdriver store lists them as well and drops them; its worker has no snapshotter
# (buildx, driver/docker/driver.go).
_SNAPSHOTTER = "org.mobyproject.buildkit.worker.snapshotter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestations:
    """What is wanted: ``sbom`` is cogkit's own, ``scanner`` an image that makes one instead.

    ``provenance``: it is wanted whatever it costs, and not only where it costs nothing.
    """

    sbom: bool = False
    scanner: str = ""
    provenance: bool = False

    def check(self, able: Capabilities) -> None:
        """Raise ``OptionError`` where the builder would drop what is wanted."""
        wanted = [
            name
            for name, asked in (
                ("an SBOM", self.sbom or self.scanner),
                ("provenance", self.provenance),
            )
            if asked
        ]
        if wanted and not _keeps(able):
            raise OptionError(
                f"this builder cannot keep {' and '.join(wanted)} with an image; use an engine with"
                " the containerd image store, or a builder of the driver docker-container"
            )


def _keeps(able: Capabilities) -> bool:
    """Whether the builder keeps attestations with an image."""
    stores = [_SNAPSHOTTER in worker.labels for worker in able.workers]
    return _CAP_IMAGE in able.llb and _CAP_RESULT in able.frontend and all(stores)


def read_attestations(raw: Mapping[str, str]) -> Attestations:
    """Return what the options want; raise ``OptionError`` for a kind that there is none of."""
    wanted = {}
    for key, value in sorted(raw.items()):
        if key.startswith(PREFIX_ATTEST_ARG):
            wanted[key.removeprefix(PREFIX_ATTEST_ARG).lower()] = (key, value)
    for key, value in sorted(raw.items()):
        if key.startswith(PREFIX_ATTEST):
            wanted[key.removeprefix(PREFIX_ATTEST).lower()] = (key, value)
    for kind, (key, _) in wanted.items():
        if kind not in KINDS:
            raise OptionError(f"option {key}: there is no such attestation (sbom, provenance)")
    sbom, provenance = (_fields(*wanted[kind]) if kind in wanted else None for kind in KINDS)
    scanner = (sbom or {}).get("generator", "")
    return Attestations(
        sbom=sbom is not None and not scanner,
        scanner=scanner,
        provenance=provenance is not None and provenance.get("inline-only", "") != "true",
    )


def _fields(key: str, text: str) -> dict[str, str]:
    """The parameters of an attestation: one line of CSV."""
    try:
        pairs = [field.partition("=") for field in next(csv.reader([text], strict=True), [])]
    except csv.Error as error:
        raise OptionError(f"option {key}={text} is not key=value,...: {error}") from error
    return {name.strip(): value for name, _, value in pairs}
