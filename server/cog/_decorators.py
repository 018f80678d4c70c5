"""Decorators that declare how a handler is served; they leave it as it is but for a mark."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

Handler = TypeVar("Handler", bound=Callable[..., Any])

STREAMING = "__cog_streaming__"
CONCURRENT_MAX = "__cog_concurrent_max__"


@overload
def streaming(fn: Handler) -> Handler: ...
@overload
def streaming() -> Callable[[Handler], Handler]: ...
def streaming(fn: Handler | None = None) -> Handler | Callable[[Handler], Handler]:
    """Allow clients to receive the handler's items as server-sent events while it runs."""

    def mark(handler: Handler) -> Handler:
        setattr(handler, STREAMING, True)
        return handler

    return mark if fn is None else mark(fn)


@overload
def concurrent(fn: Handler) -> Handler: ...
@overload
def concurrent(*, max: int = 1) -> Callable[[Handler], Handler]: ...
def concurrent(
    fn: Handler | None = None,
    *,
    max: int = 1,
) -> Handler | Callable[[Handler], Handler]:
    """Let up to ``max`` predictions run in an async handler at the same time.

    Raises TypeError where ``max`` is not an int, or is above 1 and the handler is not async;
    ValueError where it is below 1.
    """
    if isinstance(max, bool) or not isinstance(max, int):
        raise TypeError(f"concurrent(max=...) takes an int, not {type(max).__name__}")
    if max < 1:
        raise ValueError(f"concurrent(max={max}): at least one prediction must be able to run")
    if fn is not None and not callable(fn):
        raise TypeError(f"write @concurrent(max=...), not @concurrent({fn!r})")

    def mark(handler: Handler) -> Handler:
        if max > 1 and not is_async(handler):
            raise TypeError(f"concurrent(max={max}) needs an async handler ('async def')")
        setattr(handler, CONCURRENT_MAX, max)
        return handler

    return mark if fn is None else mark(fn)


def is_async(handler: Callable[..., Any]) -> bool:
    """Say whether calling the handler gives a coroutine or an async generator."""
    # Not unwrapped: a decorator may well make a plain function of an async one.
    return inspect.iscoroutinefunction(handler) or inspect.isasyncgenfunction(handler)
