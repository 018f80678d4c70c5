"""Patterns of ``.dockerignore`` as BuildKit matches them: pure, on slash-separated paths.

Rules: moby/patternmatcher v0.6 (``Pattern.match`` and ``MatchesUsingParentResults``). The daemon
decides what a build's patterns are; here they only have to mean the same.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

_WILDCARDS = frozenset("*?[\\")
_ESCAPED = frozenset(".+()|{}$")


class PatternError(ValueError):
    """A pattern that cannot be read."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line: ``text`` is cleaned; ``excepts``: it began with ``!``."""

    text: str
    excepts: bool
    regex: re.Pattern[str]

    def match(self, path: str) -> bool:
        """Whether the pattern is about ``path`` itself; a folder's content is another question."""
        return self.regex.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a list of patterns says of one path; ``each`` is needed to judge what is in it."""

    matched: bool
    each: tuple[bool, ...] = ()


class Matcher:
    """A list of patterns, in order: the last one that is about a path decides."""

    def __init__(self, patterns: Sequence[str]) -> None:
        parsed = (parse(pattern) for pattern in patterns)
        self.patterns = tuple(pattern for pattern in parsed if pattern)

    def judge(self, path: str, parent: Verdict | None) -> Verdict:
        """Judge ``path``, whose folder got the verdict ``parent`` (None: it is at the top)."""
        above = parent.each if parent else (False,) * len(self.patterns)
        matched = False
        each = []
        for pattern, inherited in zip(self.patterns, above, strict=True):
            hit = inherited
            if not hit:
                if pattern.excepts != matched:
                    each.append(False)
                    continue
                hit = pattern.match(path)
            each.append(hit)
            if hit:
                matched = not pattern.excepts
        return Verdict(matched, tuple(each))

    def may_match_within(self, folder: str, *, excepts: bool) -> bool:
        """Whether some pattern (an exception, or none) could be about something in ``folder``.

        A pattern that is about ``folder`` or one above it is another matter: ``judge`` says so.
        """
        return any(
            _reaches(pattern.text, folder)
            for pattern in self.patterns
            if pattern.excepts is excepts
        )


def _reaches(pattern: str, folder: str) -> bool:
    parts, names = pattern.split("/"), folder.split("/")
    for part, name in zip(parts, names, strict=False):
        if "**" in part:
            return True
        if part != name and not (has_wildcard(part) and _part_matches(part, name)):
            return False
    return len(parts) > len(names)


def _part_matches(part: str, name: str) -> bool:
    try:
        pattern = parse(part)
    except PatternError:  # a class that holds a slash, cut in two
        return True
    return pattern is not None and pattern.match(name)


def has_wildcard(text: str) -> bool:
    """Whether a pattern is more than a path."""
    return any(c in _WILDCARDS for c in text)


def parse(line: str) -> Pattern | None:
    """Read one pattern; None for a blank one; PatternError."""
    text = line.strip()
    if not text:
        return None
    text = posixpath.normpath(text)
    excepts = text.startswith("!")
    if excepts:
        text = text[1:]
        if not text:
            raise PatternError('an exception without a pattern: "!"')
    try:
        return Pattern(text, excepts, re.compile(_regex(text), re.DOTALL))
    except re.error as error:
        raise PatternError(f"{line!r} is no pattern: {error}") from error


def _regex(text: str) -> str:
    """The regular expression of a pattern; the three plain forms are what they are in Go."""
    if "\\" not in text and not any(c in text for c in "?[]"):
        plain = text.strip("*")
        if "*" not in plain:
            if text == f"**{plain}" and plain:  # a suffix; "**/name" is the name alone too
                alone = f"|{re.escape(plain[1:])}" if plain.startswith("/") else ""
                return f".*{re.escape(plain)}{alone}"
            if text == f"{plain}**":
                return f"{re.escape(plain)}.*"
    return _translate(text)


def _translate(text: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "*" and text[at : at + 1] == "*":
            at += 1 + (text[at + 1 : at + 2] == "/")
            parts.append(".*" if at == len(text) else "(.*/)?")
        elif char == "*":
            parts.append("[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "\\":
            parts.append(re.escape(text[at : at + 1] or char))
            at += 1
        else:
            parts.append(f"\\{char}" if char in _ESCAPED else char)
    return "".join(parts)
