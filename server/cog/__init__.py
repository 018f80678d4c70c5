"""What a model's code imports: ``from cog import BaseRunner, Input, Path``.

Standard library only: it is imported beside whatever the model needs.
"""

from __future__ import annotations

from cog._annotations import AsyncConcatenateIterator, ConcatenateIterator, Opaque
from cog._decorators import concurrent, streaming
from cog._files import File, Path, URLFile, URLPath
from cog._legacy import ExperimentalFeatureWarning, emit_metric
from cog._scope import Scope, current_scope
from cog._secret import Secret
from cog._version import __version__
from cog.exceptions import CancelationException
from cog.input import FieldInfo, Input
from cog.model import BaseModel
from cog.predictor import BasePredictor, BaseRunner

__all__ = [
    "AsyncConcatenateIterator",
    "BaseModel",
    "BasePredictor",
    "BaseRunner",
    "CancelationException",
    "ConcatenateIterator",
    "ExperimentalFeatureWarning",
    "FieldInfo",
    "File",
    "Input",
    "Opaque",
    "Path",
    "Scope",
    "Secret",
    "URLFile",
    "URLPath",
    "__version__",
    "concurrent",
    "current_scope",
    "emit_metric",
    "streaming",
]
