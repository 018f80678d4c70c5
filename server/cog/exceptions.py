"""Exceptions that a handler may meet; importable as ``cog.exceptions`` as Cog's docs promise."""

from __future__ import annotations

__all__ = ["CancelationException", "CancellationException"]


class CancelationException(BaseException):
    """Raised inside a handler that is not async when its prediction is canceled.

    It is not an `Exception`, so ``except Exception`` lets it pass. Catch it to clean up, then raise
    it again; the prediction ends as canceled either way. Async handlers get
    `asyncio.CancelledError` instead. The spelling with one "l" is Cog's.
    """


CancellationException = CancelationException
