"""Base classes of handlers."""

from __future__ import annotations

import warnings
from typing import Any

from cog._scope import Scope, current_scope


class BaseRunner:
    """Subclass it, load the model in ``setup`` and answer one request in ``run``.

    ``run`` takes the inputs as annotated parameters; it may be a generator, async, or both. A
    method ``healthcheck(self) -> bool`` is called when the server's health is asked for, where it
    exists. Deriving from this class is a convenience: any class with ``run`` or ``predict`` can be
    served.
    """

    def setup(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a handler's own signature
        """Prepare to serve; called once. Declare it as ``setup(self)`` or ``setup(self, weights)``.

        ``weights`` is the text of COG_WEIGHTS, or None.
        """

    def run(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a handler's own signature
        """Answer one request; every handler brings its own."""
        raise NotImplementedError(f"{type(self).__name__} has no run() method")

    def predict(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a handler's own signature
        """Do as `run`; for code that still calls ``predict``."""
        warnings.warn("predict() is now called run()", DeprecationWarning, stacklevel=2)
        return self.run(*args, **kwargs)

    @property
    def scope(self) -> Scope:
        """The scope of the running prediction, as `cog.current_scope` gives it."""
        return current_scope()

    def record_metric(self, key: str, value: object, mode: str | None = "replace") -> None:
        """Record a metric of the running prediction; see ``scope.metrics.record``."""
        current_scope().record_metric(key, value, mode)


class BasePredictor(BaseRunner):
    """The former name of `BaseRunner`; its handler method is usually called ``predict``.

    Unlike Cog's it does not warn: a project that turns warnings into errors must still import.
    """

    def run(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a handler's own signature
        """Do as ``predict``, for callers that know the new name only."""
        if type(self).predict is BasePredictor.predict:
            return super().run(*args, **kwargs)
        return self.predict(*args, **kwargs)
