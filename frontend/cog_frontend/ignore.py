"""Ignore files: which paths of the build context stay away.

Syntax: moby/patternmatcher's ignorefile.ReadAll, which `.dockerignore` follows.
"""

from __future__ import annotations

import posixpath

# Never part of an image, whatever a pattern re-includes: cogkit's own state, and the repository
# unless the client asks for it.
STATE = ".cog"
REPOSITORY = ".git"


def ignore_patterns(data: bytes | None, *, keep_git_dir: bool = False) -> tuple[str, ...]:
    """Return the patterns of an ignore file (None: there is none), with what is always left out."""
    text = (data or b"").decode("utf-8-sig", "replace")
    # Lines end as Go's bufio.ScanLines has it; Python knows more ends, which names may hold.
    patterns = (_pattern(line.removesuffix("\r")) for line in text.split("\n"))
    always = (STATE,) if keep_git_dir else (REPOSITORY, STATE)
    return (*(pattern for pattern in patterns if pattern), *always)


def _pattern(line: str) -> str:
    """One line as a pattern: cleaned, relative; empty for a comment or a blank."""
    if line.startswith("#"):
        return ""
    text = line.strip()
    negated = text.startswith("!")
    if negated:
        text = text[1:].strip()
    if not text:
        return ""
    clean = posixpath.normpath(text)
    if len(clean) > 1 and clean.startswith("/"):
        clean = clean.lstrip("/")
    return f"!{clean}" if negated else clean
