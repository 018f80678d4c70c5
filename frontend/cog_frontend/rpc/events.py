"""What a Peer tells its owner: values, in the order in which they happened.

A client stream sees ``ResponseStarted? MessageReceived* Finished``, a server stream
``RequestStarted MessageReceived* HalfClosed? Finished?`` (``Finished`` only when the client, not
the owner, ended the call). After ``ConnectionClosed`` there is nothing more, for any stream.

Values of this package are named tuples: a dataclass takes eight times as long to make, and this
is imported before the first request of every build.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Metadata = Sequence[tuple[str, str | bytes]]
"""Pairs in order; a key may repeat; keys that end in ``-bin`` have bytes, all others text."""


class RequestStarted(NamedTuple):
    """A client opened a call. ``method`` is ``/package.Service/Method``.

    ``timeout`` is what the client grants, in seconds (None: no limit).
    """

    stream: int
    method: str
    metadata: Metadata = ()
    timeout: float | None = None


class ResponseStarted(NamedTuple):
    """The server accepted a call and sent its initial metadata."""

    stream: int
    metadata: Metadata = ()


class MessageReceived(NamedTuple):
    """One whole message, its five-byte prefix removed."""

    stream: int
    data: bytes


class HalfClosed(NamedTuple):
    """The client will send no further message on this stream."""

    stream: int


class Finished(NamedTuple):
    """The call is over; the stream's number means nothing from here on.

    ``details`` is a raw google.rpc.Status or b"", ``metadata`` what the peer's trailers carried.
    """

    stream: int
    code: int
    message: str = ""
    details: bytes = b""
    metadata: Metadata = ()


class ConnectionClosed(NamedTuple):
    """The connection is over; every call that had not finished is lost."""

    reason: str


Event = (
    RequestStarted | ResponseStarted | MessageReceived | HalfClosed | Finished | ConnectionClosed
)
