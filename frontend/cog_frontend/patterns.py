"""Patterns of ``.dockerignore`` as BuildKit matches them: pure, on slash-separated paths.

Rules: moby/patternmatcher v0.6 (``Pattern.match`` and ``MatchesUsingParentResults``). The daemon
decides what a build's patterns are; here they only have to mean the same.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from cog_frontend.ignore import MEMBER, is_pattern

_WILDCARDS = frozenset("*?[\\")
_MOST_WILDCARDS = 2
# More states than any list of patterns needs that a person wrote; then they are found anew.
_MOST_STATES = 10_000


_CLASS = re.compile(rf"\[\^?+(?:{MEMBER}(?:-{MEMBER})?)+\]", re.DOTALL)
_RANGE = re.compile(rf"({MEMBER})(?:-({MEMBER}))?", re.DOTALL)


class PatternError(ValueError):
    """A pattern that cannot be read."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line: ``text`` is cleaned; ``excepts``: it began with ``!``."""

    text: str
    excepts: bool
    _takes: Callable[[str], object] = field(compare=False, repr=False)

    def match(self, path: str) -> bool:
        """Whether the pattern is about ``path`` itself; a folder's content is another question."""
        return bool(self._takes(path))


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
    if not is_pattern(text):
        raise PatternError(f"{line!r} is no pattern")
    return Pattern(text, excepts, _compiled(_tokens(text)))


def _compiled(tokens: list[_Token]) -> Callable[[str], object]:
    """What takes the paths that a pattern is about.

    A regular expression goes back and forth between wildcards: the fastest with a few, and for ever
    on a pattern with many that was written for it.
    """
    if sum(token.kind is not _Kind.ONE for token in tokens) > _MOST_WILDCARDS:
        return _Automaton(tokens).accepts
    return re.compile("".join(token.regex for token in tokens), re.DOTALL).fullmatch


class _Kind(Enum):
    """What one part of a pattern takes of a path."""

    ONE = auto()  # a character of a class
    WITHIN = auto()  # any characters of one name: *
    ALL = auto()  # any characters: ** at the end or the start
    FOLDERS = auto()  # nothing, or anything that ends with a slash: ** before more


class _Token(NamedTuple):
    kind: _Kind
    regex: str
    takes: Callable[[str], bool]


def _tokens(text: str) -> list[_Token]:
    """The parts of a pattern; the three plain forms are what they are in Go."""
    special = "\\" in text or any(c in text for c in "?[]")
    plain = text.strip("*")
    if not special and "*" not in plain and text == f"**{plain}" and not plain.startswith("/"):
        return [_anything(_Kind.ALL), *map(_literal, plain)]
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "*" and text[at : at + 1] == "*":
            at += 1 + (text[at + 1 : at + 2] == "/")
            tokens.append(_anything(_Kind.ALL if at == len(text) else _Kind.FOLDERS))
        elif char == "*":
            tokens.append(_Token(_Kind.WITHIN, "[^/]*", _not_slash))
        elif char == "?":
            tokens.append(_Token(_Kind.ONE, "[^/]", _not_slash))
        elif char == "[":
            found = _CLASS.match(text, at - 1)
            assert found is not None  # or it is no pattern
            at = found.end()
            tokens.append(_class(found[0]))
        else:
            if char == "\\":
                char = text[at]
                at += 1
            tokens.append(_literal(char))
    return tokens


def _not_slash(char: str) -> bool:
    return char != "/"


def _anything(kind: _Kind) -> _Token:
    return _Token(kind, "(?:.*/)?" if kind is _Kind.FOLDERS else ".*", lambda _: True)


def _literal(char: str) -> _Token:
    return _Token(_Kind.ONE, re.escape(char), char.__eq__)


def _class(text: str) -> _Token:
    """A class such as ``[^a-c]``; a range that runs backwards holds nothing."""
    negated = text.startswith("[^")
    pairs = ((low[-1], (high or low)[-1]) for low, high in _RANGE.findall(text[1 + negated : -1]))
    members = [(low, high) for low, high in pairs if low <= high]
    ranges = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in members)
    regex = f"[{'^' * negated}{ranges}]" if ranges else "." if negated else "(?!)"
    return _Token(
        _Kind.ONE,
        regex,
        lambda char: any(low <= char <= high for low, high in members) is not negated,
    )


class _Automaton:
    """Judges a path in one pass, whatever the pattern.

    A state is a set of places in the pattern, as bits; the even ones stand before a token, the odd
    ones within ``FOLDERS``. Steps between states are kept as they are found.
    """

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._end = 1 << 2 * len(tokens)
        self._start = self._closed(1)
        self._steps: dict[tuple[int, str], int] = {}

    def accepts(self, path: str) -> bool:
        """Whether the whole path is what the pattern is about."""
        state, steps = self._start, self._steps
        for char in path:
            key = state, char
            if key not in steps:
                if len(steps) > _MOST_STATES:
                    steps.clear()
                steps[key] = self._next(state, char)
            state = steps[key]
            if not state:
                return False
        return bool(state & self._end)

    def _next(self, state: int, char: str) -> int:
        found = 0
        for index, (kind, _, takes) in enumerate(self._tokens):
            before, within, after = (1 << 2 * index + offset for offset in range(3))
            if state & before and takes(char):
                found |= {_Kind.ONE: after, _Kind.FOLDERS: within}.get(kind, before)
            if state & within:
                found |= within
            if kind is _Kind.FOLDERS and char == "/" and state & (before | within):
                found |= after
        return self._closed(found)

    def _closed(self, state: int) -> int:
        """With the places that are reached without a character."""
        for index, (kind, _, _) in enumerate(self._tokens):
            if kind is not _Kind.ONE and state & 1 << 2 * index:
                state |= 1 << 2 * index + 2
        return state
