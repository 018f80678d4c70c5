"""What a client prefers: ``Prefer`` (RFC 7240), ``Accept`` (RFC 9110 12.5.1), ``Priority``."""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple

Form = Literal["json", "sse", "ndjson"]

LONGEST_WAIT = 3600.0
"""Seconds that ``wait`` may ask for; more is cut to it."""

_FORMS: dict[str, Form] = {
    "text/event-stream": "sse",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/json": "json",
    "application/*": "json",
    "*/*": "json",
}
_RANK: dict[Form, int] = {"sse": 2, "ndjson": 1, "json": 0}
"""Of equals the one a client had to name: Cog answers with events wherever they are accepted."""

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PREFERENCE = re.compile(
    rf"\s*([\w!#$%&'*+.^`|~-]+)\s*(?:=\s*({_QUOTED}|[^;,\s]*))?(?:{_QUOTED}|[^,\"])*"
)


class Prefer(NamedTuple):
    """``wait`` is in seconds; None: until the end, or not at all if ``respond_async``."""

    respond_async: bool = False
    wait: float | None = None

    @property
    def applied(self) -> str:
        """The value of ``Preference-Applied`` where these were honoured."""
        if self.wait is not None:
            return f"wait={self.wait:g}"
        return "respond-async" if self.respond_async else ""


def parse_prefer(text: str) -> Prefer:
    """Return what a ``Prefer`` header says; of a preference given twice the first counts.

    What is unknown or makes no sense is ignored, as the RFC asks.
    """
    found: dict[str, str] = {}
    for match in _PREFERENCE.finditer(text):
        found.setdefault(match[1].lower(), (match[2] or "").strip('"'))
    wait = seconds(found.get("wait", ""))
    return Prefer("respond-async" in found, None if wait is None else min(wait, LONGEST_WAIT))


def seconds(text: str) -> float | None:
    """Return a duration of a header; None: it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < math.inf else None


def preferred_form(accept: str) -> Form:
    """Return the form a client likes best of those there are; JSON where it accepts none."""
    best: tuple[float, int, Form] = (0.0, 0, "json")
    for part in accept.split(","):
        kind, *parameters = part.split(";")
        form = _FORMS.get(kind.strip().lower())
        if form is not None and (quality := _quality(parameters)) > 0:
            best = max(best, (quality, _RANK[form], form))
    return best[2]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            quality = seconds(value.strip())
            return 0.0 if quality is None else min(quality, 1.0)
    return 1.0


def urgency(text: str) -> int | None:
    """Return ``u`` of a ``Priority`` header (RFC 9218), 0 to 7; None: it says none."""
    match = re.search(r"(?:^|[,\s])u=([0-7])(?:$|[,;\s])", text)
    return None if match is None else int(match[1])
