"""Markers for the annotations of a handler: how its values appear in the schema."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

T_co = TypeVar("T_co", covariant=True)


class Opaque:
    """``Annotated[T, Opaque]``: any JSON object in the schema, passed through unchanged."""


class ConcatenateIterator(Iterator[T_co]):
    """Return type of a generator whose text items are to be joined when shown."""


class AsyncConcatenateIterator(AsyncIterator[T_co]):
    """Return type of an async generator whose text items are to be joined when shown."""
