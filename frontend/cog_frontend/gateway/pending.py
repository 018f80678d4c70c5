"""Calls that are on the wire, and the transport that carries them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Call(Protocol):
    """One unary call that was sent."""

    def result(self) -> bytes:
        """Wait for the reply; raises ``RpcError`` when the daemon answers with an error."""
        ...


class Transport(Protocol):
    """Carries calls to the daemon; several may be on the wire at once."""

    def start(self, method: str, request: bytes) -> Call:
        """Send ``request`` to ``method`` (``/package.Service/Name``)."""
        ...


class Pending(Generic[T]):
    """An answer that is on its way."""

    __slots__ = ("_error", "_receive", "_value")

    def __init__(self, receive: Callable[[], T]) -> None:
        self._receive: Callable[[], T] | None = receive
        self._value: T
        self._error: Exception | None = None

    def result(self) -> T:
        """Wait for the answer; asked again, it gives the same value or raises the same error."""
        if self._receive is not None:
            receive, self._receive = self._receive, None
            try:
                self._value = receive()
            except Exception as error:
                self._error = error
                raise
        if self._error is not None:
            raise self._error
        return self._value
