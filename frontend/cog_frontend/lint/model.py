"""Rules, what they look at, what they find, and how it is mended: values only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cog_frontend.config import Config
from cog_frontend.errors import Problem, Span
from cog_frontend.plan.wanted import Listing

# Who has the text has the password; one from a variable is not in it.
URL_WITH_PASSWORD = re.compile(r"https?://[^/\s:@]+:[^/\s@$]+@")
_LINES = re.compile(r"[^\n]*\n|[^\n]+$")


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines of a file, counted from 1 and both included, and what to write in their place.

    ``text`` has its line ends; empty: the lines go.
    """

    file: str
    first: int
    last: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What rules look at.

    ``text`` is cog.yaml; ``files`` are the requirement files by name, as they are; ``listing`` what
    they and the config name; ``code`` the predictor's file; ``schema`` the API document (empty: no
    predictor); ``has_lock``: versions are kept in a lock file; ``warnings`` what a build says
    anyway.
    """

    filename: str
    text: str
    config: Config
    files: Mapping[str, str] = field(default_factory=dict)
    listing: Listing = field(default_factory=Listing)
    code: str = ""
    schema: Mapping[str, object] = field(default_factory=dict)
    has_lock: bool = False
    has_ignore_file: bool = True
    warnings: tuple[Problem, ...] = ()

    def line(self, number: int) -> str:
        """A line of cog.yaml, from 1, without its end; empty where there is none.

        Lines end with a newline; where YAML counts rarer characters too, its lines are others.
        """
        lines = self.text.split("\n")
        return lines[number - 1] if number <= len(lines) else ""

    def key(self, name: str) -> Span | None:
        """The line of a key of cog.yaml, None where it does not begin one."""
        lines = self.text.split("\n")
        begins = re.compile(rf"\s*{name}\s*:")
        found = next((number for number, line in enumerate(lines, 1) if begins.match(line)), None)
        return Span(found, found) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place that a rule is about; ``edit`` mends it without changing what is built."""

    message: str
    file: str
    span: Span | None = None
    rule: str = ""
    edit: Edit | None = None

    def __str__(self) -> str:
        at = f":{self.span.start_line}" if self.span else ""
        return f"{self.rule}: {self.message} ({self.file}{at})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule; ``id`` never changes, ``summary`` says what to do, ``why`` what it is good for."""

    id: str
    summary: str
    why: str
    check: Callable[[Facts], Iterator[Finding]]

    @property
    def url(self) -> str:
        """Where the rule is explained."""
        return f"https://github.com/cogkit/cogkit/blob/main/docs/lint.md#{self.id.lower()}"


def apply_edits(file: str, data: str, edits: Iterable[Edit]) -> str:
    """Return a file with the edits that are about it; of two that overlap the first wins."""
    # No other character ends a line for YAML's marks or for pip.
    lines = _LINES.findall(data)
    below = len(lines) + 1
    chosen = {edit.first: edit for edit in reversed([each for each in edits if each.file == file])}
    for first in sorted(chosen, reverse=True):
        edit = chosen[first]
        if edit.last < below:
            lines[first - 1 : edit.last] = [edit.text] if edit.text else []
            below = first
    return "".join(lines)
