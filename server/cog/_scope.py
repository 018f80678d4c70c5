"""`current_scope`: what a handler can say and ask about the prediction that it is running."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token

from cog._metrics import Metrics, Mode

Emit = Callable[[str, object, Mode], None]


class ScopeMetrics:
    """The metrics of a prediction, written like a dict: ``scope.metrics["tokens"] = 12``."""

    def __init__(self, metrics: Metrics, emit: Emit) -> None:
        self._metrics = metrics
        self._emit = emit

    def record(self, key: str, value: object, mode: str | None = None) -> None:
        """Record a metric; ``mode`` is "replace" (default), "incr" or "append".

        Raises ValueError for a bad name, mode or value, TypeError for a value of another kind than
        the name holds.
        """
        self._emit(key, value, self._metrics.record(key, value, mode or "replace"))

    def delete(self, key: str) -> None:
        """Forget a metric; its next value may be of another kind."""
        self._metrics.delete(key)
        self._emit(key, None, "delete")

    def __setitem__(self, key: str, value: object) -> None:
        self.record(key, value)

    def __delitem__(self, key: str) -> None:
        self.delete(key)


class _Nowhere(ScopeMetrics):
    """The metrics of no prediction: not even checked, as in Cog."""

    def __init__(self) -> None:
        super().__init__(Metrics(), lambda _key, _value, _mode: None)

    def record(self, key: str, value: object, mode: str | None = None) -> None:
        """Do nothing."""

    def delete(self, key: str) -> None:
        """Do nothing."""


class Scope:
    """One prediction as its handler sees it.

    ``context`` is the request's map of strings, a dict of the handler's own; ``metrics`` are sent
    with the response.
    """

    def __init__(self, context: Mapping[str, str], metrics: ScopeMetrics) -> None:
        self.context: dict[str, str] = dict(context)
        self.metrics = metrics

    def record_metric(self, key: str, value: object, mode: str | None = None) -> None:
        """Do as ``metrics.record`` does."""
        self.metrics.record(key, value, mode)


_current: ContextVar[Scope | None] = ContextVar("cog_scope", default=None)


def current_scope() -> Scope:
    """Return the scope of the running prediction.

    Outside a prediction, and in threads that the handler started without its context, it is a scope
    with an empty context whose metrics lead nowhere.
    """
    return _current.get() or Scope({}, _Nowhere())


def enter_scope(scope: Scope) -> Token[Scope | None]:
    """Make ``scope`` current in this context; give the token to `leave_scope`."""
    return _current.set(scope)


def leave_scope(token: Token[Scope | None]) -> None:
    """Undo `enter_scope`."""
    _current.reset(token)
