"""What a project's requirements name, and whose indexes they come from. Text in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cog_frontend.errors import Span
from cog_frontend.plan import requirement_lines as lines
from cog_frontend.plan.requirements import PACKAGES_FILE, Requirements

_PARTS = re.compile(
    r"^[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[(?P<extras>[^\]]*)\])?\s*\(?(?P<versions>[^;)@#]*)"
)
_OWN_INDEX = re.compile(r"^(-i|-f|--index-url|--extra-index-url|--find-links)\b")
_INLINE = re.compile(r"\s--?[a-z].*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A requirement, ``text`` being its line.

    ``specifier`` is such as ``>=2,<3``; ``target`` is the URL or path it names. ``file`` and
    ``span`` say where it stands; ``span`` None: in the config.
    """

    name: str
    text: str = ""
    specifier: str = ""
    extras: frozenset[str] = frozenset()
    target: str = ""
    file: str = ""
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What requirements name. ``own_index``: the line by which they choose where wheels are from.

    ``hashed``: they pin the files themselves, so nothing can be added to them.
    """

    packages: tuple[Wanted, ...] = ()
    own_index: str = ""
    hashed: bool = False

    def find(self, *names: str) -> Wanted | None:
        """Return the first requirement of one of these names; one that names a version first."""
        found = [each for each in self.packages if each.name in names]
        return next((each for each in found if each.specifier), found[0] if found else None)


def listing(requirements: Requirements | None) -> Listing:
    """Return what requirement files name; constraints are not told from requirements."""
    if requirements is None:
        return Listing()
    packages: list[Wanted] = []
    own_index, hashed = "", False
    for file in requirements.files:
        in_config = file.path == PACKAGES_FILE
        for line in lines.logical_lines(file.data.decode()):
            if _OWN_INDEX.match(line.text):
                own_index = own_index or line.text
            hashed = hashed or "--hash" in line.text
            span = None if in_config else Span(line.start, line.end)
            packages += _wanted(line.text, "" if in_config else file.path, span)
    return Listing(packages=tuple(packages), own_index=own_index, hashed=hashed)


def _wanted(text: str, file: str, span: Span | None) -> Iterator[Wanted]:
    name = "" if text.startswith("-") else lines.package_name(text)
    match = _PARTS.match(_INLINE.sub("", text))
    if not name:
        return
    target = lines.direct_target(text)
    extras = (match["extras"] or "").split(",") if match else ()
    yield Wanted(
        name=name,
        text=text,
        specifier="" if target or not match else lines.versions(match["versions"]),
        extras=frozenset(extra.strip().lower() for extra in extras if extra.strip()),
        target=target,
        file=file,
        span=span,
    )
