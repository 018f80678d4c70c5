"""How layers are compressed: the client decides that, so ``build.compression`` is advice to it.

A frontend hands over file systems; the exporter that the client asks for packs them. The `cog`
command passes the advice on, and tells of it with a build argument; another client is reminded.
"""

from __future__ import annotations

from cog_frontend.config import Compression
from cog_frontend.errors import Problem

ARG_COMPRESSION = "COGKIT_COMPRESSION"
TYPE = "compression"
# Docker's own media types know gzip only.
_OCI_ONLY = frozenset({"zstd", "estargz"})


def exporter_attributes(advice: Compression) -> tuple[tuple[str, str], ...]:
    """Return what the advice is in the words of BuildKit's image exporters."""
    found = [(TYPE, advice.type.text)]
    if advice.level is not None:
        found.append(("compression-level", str(advice.level)))
    if advice.force:
        found.append(("force-compression", "true"))
    if advice.type.text in _OCI_ONLY:
        found.append(("oci-mediatypes", "true"))
    return tuple(found)


def unheeded(advice: Compression | None, told: str, filename: str) -> tuple[Problem, ...]:
    """Return the reminder for a client that does not say it follows the advice.

    ``told`` is the value of the build argument with which a client says so: the type.
    """
    if advice is None or told == advice.type.text:
        return ()
    words = ",".join(f"{key}={value}" for key, value in exporter_attributes(advice))
    return (
        Problem(
            file=filename,
            message=f"build.compression: {advice.type.text} is for the client to choose",
            hint=f"build with `cog build`, or add {words} to --output "
            f"and --build-arg {ARG_COMPRESSION}={advice.type.text}",
            span=advice.type.span,
        ),
    )
