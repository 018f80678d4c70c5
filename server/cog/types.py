"""The types of the SDK under the module name that many projects import them from."""

from __future__ import annotations

from cog._annotations import AsyncConcatenateIterator, ConcatenateIterator, Opaque
from cog._files import File, Path, URLFile, URLPath
from cog._legacy import ExperimentalFeatureWarning
from cog._secret import Secret
from cog.input import FieldInfo, Input

__all__ = [
    "AsyncConcatenateIterator",
    "ConcatenateIterator",
    "ExperimentalFeatureWarning",
    "FieldInfo",
    "File",
    "Input",
    "Opaque",
    "Path",
    "Secret",
    "URLFile",
    "URLPath",
]
