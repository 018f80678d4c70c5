"""Ignore files: which paths of the build context stay away.

Lines: moby/patternmatcher's ignorefile.ReadAll, which `.dockerignore` follows. Patterns: Go's
filepath.Match with `**`, judged here so that what no builder can read is told with its line.
"""

from __future__ import annotations

import posixpath
import re

from cog_frontend.errors import Problem, ProjectError, Span, shown

# Never part of an image, whatever a pattern re-includes: cogkit's own state, and the repository
# unless the client asks for it.
STATE = ".cog"
REPOSITORY = ".git"

# Every pattern is asked about every file.
MAX_BYTES = 1 << 20
# Go's bufio.Scanner, which reads the file in the built-in frontend.
MAX_LINE = 64 << 10

# What Go's unicode.IsSpace calls so; Python's strip takes more.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
# filepath.Match: a class is not empty, its members stand for themselves or behind a backslash.
MEMBER = r"(?:\\.|[^\\\]-])"
_PATTERN = re.compile(rf"(?:\\.|\[\^?+(?:{MEMBER}(?:-{MEMBER})?)+\]|[^\\\[])*+", re.DOTALL)


def ignore_patterns(
    data: bytes | None, *, filename: str = ".dockerignore", keep_git_dir: bool = False
) -> tuple[str, ...]:
    """Return the patterns of an ignore file (None: there is none), with what is always left out.

    Raises ``ProjectError`` with every line that no builder could read.
    """
    always = (STATE,) if keep_git_dir else (REPOSITORY, STATE)
    if data is not None and len(data) > MAX_BYTES:
        message = f"the file has {len(data)} bytes, and {MAX_BYTES} are the most that are read"
        hint = "name folders, or files by a pattern"
        raise ProjectError([Problem(file=filename, message=message, hint=hint)])
    text = (data or b"").decode("utf-8-sig", "replace")
    # Lines end as Go's bufio.ScanLines has it; Python knows more ends, which names may hold.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    problems = [
        Problem(file=filename, message=wrong, hint=hint, span=Span(number, number))
        for number, line in enumerate(lines, 1)
        for wrong, hint in _wrong(line)
    ]
    if problems:
        raise ProjectError(problems)
    patterns = map(_pattern, lines)
    return (*(pattern for pattern in patterns if pattern), *always)


def is_pattern(text: str) -> bool:
    """Whether Go's filepath.Match can read a pattern."""
    return _PATTERN.fullmatch(text) is not None


def _split(line: str) -> tuple[bool, str]:
    """Whether a line is an exception, and its pattern; empty for a comment or a blank."""
    text = "" if line.startswith("#") else line.strip(_SPACE)
    negated = text.startswith("!")
    return negated, text[1:].strip(_SPACE) if negated else text


def _wrong(line: str) -> list[tuple[str, str]]:
    """What is wrong with a line, and what to do."""
    negated, text = _split(line)
    if len(line) > MAX_LINE:
        return [(f"the line has {len(line)} characters, and {MAX_LINE} are the most", "split it")]
    if "\0" in text:
        return [("a NUL character is in no name", "save the file as UTF-8 text")]
    if negated and not text:
        return [
            ("'!' keeps nothing: it has no pattern behind it", "name what to keep, or remove it")
        ]
    if not is_pattern(text):
        hint = "close the [ with a ], or write \\[ for the character"
        return [(f"{shown(text)} is no pattern", hint)]
    return []


def _pattern(line: str) -> str:
    """One line as a pattern: cleaned, relative; empty for a comment, a blank, or the whole."""
    negated, text = _split(line)
    clean = posixpath.normpath(text).lstrip("/") if text else ""
    # "For historical reasons, the pattern . is ignored" (Docker's documentation).
    if clean in {"", "."}:
        return ""
    return f"!{clean}" if negated else clean
