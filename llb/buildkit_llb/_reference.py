"""Image references in full, as Docker reads them.

Rules: distribution/reference (normalize.go and regexp.go): ``python`` is
``docker.io/library/python:latest``.
"""

from __future__ import annotations

import re

from buildkit_llb._errors import LLBError, check_digest

DOMAIN = "docker.io"
LEGACY_DOMAIN = "index.docker.io"
OFFICIAL = "library"
PATH_MAX = 255

_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_COMPONENT = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*"
# Compiled here: a bundle of the program (frontend/bundle.py) keeps what is compiled at import.
_REFERENCE = re.compile(
    rf"{_HOST}/(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)(?P<tag>:\w[\w.-]{{0,127}})?"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)


def normalise(reference: str) -> str:
    """Return ``domain/path[:tag][@digest]``; without tag and digest the tag is ``latest``.

    Raises LLBError for what is no image reference.
    """
    if re.fullmatch("[a-f0-9]{64}", reference):
        raise LLBError(f"image reference is an image id, not a name: {reference}")
    full = _with_domain(reference)
    match = _REFERENCE.fullmatch(full)
    if match is None:
        name = reference.partition("@")[0]
        hint = ": repository names are lowercase" if name != name.lower() else ""
        raise LLBError(f"invalid image reference {reference!r}{hint}")
    if match["digest"]:
        check_digest(f"digest of image reference {reference!r}", match["digest"][1:])
    if len(match["path"]) > PATH_MAX:
        raise LLBError(f"image name is longer than {PATH_MAX} characters: {reference!r}")
    return full if match["tag"] or match["digest"] else f"{full}:latest"


def _with_domain(reference: str) -> str:
    first, slash, rest = reference.partition("/")
    # A first part in upper case can be no repository name, so it is a host.
    is_domain = slash and (
        first == "localhost" or {".", ":"} & set(first) or first.lower() != first
    )
    domain, path = (first, rest) if is_domain else (DOMAIN, reference)
    if domain == LEGACY_DOMAIN:
        domain = DOMAIN
    if domain == DOMAIN and "/" not in path:
        path = f"{OFFICIAL}/{path}"
    return f"{domain}/{path}"
