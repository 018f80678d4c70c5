"""Names that older Cog projects import; kept so that they run unchanged."""

from __future__ import annotations

import warnings

from cog._scope import current_scope


class ExperimentalFeatureWarning(FutureWarning):
    """Category of warnings that older versions of Cog issued; nothing issues it now."""


def emit_metric(name: str, value: float) -> None:
    """Record a metric of the running prediction; use ``current_scope().record_metric`` instead."""
    warnings.warn(
        "emit_metric() is now current_scope().record_metric()", DeprecationWarning, stacklevel=2
    )
    current_scope().record_metric(name, value)
