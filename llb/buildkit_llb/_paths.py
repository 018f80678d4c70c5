"""Paths as Go's package ``path`` handles them: ops carry the result, so it must be equal."""

from __future__ import annotations

import posixpath


def clean(path: str) -> str:
    """Shortest equal path, as Go's ``path.Clean``; the empty path is ``.``."""
    normal = posixpath.normpath(path)
    # POSIX gives a leading pair of slashes a meaning of its own, Go does not.
    return normal[1:] if normal.startswith("//") else normal


def join(parent: str, path: str) -> str:
    """``path`` if it is absolute, else ``path`` below ``parent``; cleaned and absolute."""
    return clean(path if path.startswith("/") else f"/{parent}/{path}")


def join_keeping_slash(parent: str, path: str) -> str:
    """As ``join``, but a last ``/`` or ``/.`` stays: a copy means "into this folder" by it.

    Source: ``normalizePath`` in BuildKit's client/llb/fileop.go.
    """
    joined = join(parent, path)
    if path.endswith("/") and not joined.endswith("/"):
        return joined + "/"
    if path.endswith("/."):
        return (joined if joined == "/" else joined + "/") + "."
    return joined
