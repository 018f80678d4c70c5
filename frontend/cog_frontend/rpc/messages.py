"""Messages in a stream of DATA: one flag byte, four bytes of length, then the message.

Layout: gRPC's PROTOCOL-HTTP2.md, "Length-Prefixed-Message". Compression is never offered, so a
message that claims to be compressed is refused.
"""

from __future__ import annotations

from struct import Struct

from cog_frontend.rpc.status import Code, RpcError

_PREFIX = Struct(">BI")
MAX_LENGTH = 2**32 - 1


def encode_message(data: bytes) -> bytes:
    """The bytes to send for one message; ValueError above 4 GiB, which the prefix cannot say."""
    if len(data) > MAX_LENGTH:
        raise ValueError(f"a message of {len(data)} bytes does not fit a gRPC prefix")
    return _PREFIX.pack(0, len(data)) + data


class MessageReader:
    """Feed it DATA in any cut and take whole messages out."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self._limit = limit

    @property
    def empty(self) -> bool:
        """True unless a message has begun and not ended."""
        return not self._buffer

    def receive(self, data: bytes) -> None:
        """Take bytes; nothing is checked before ``next_message``."""
        self._buffer += data

    def next_message(self) -> bytes | None:
        """The next whole message, None until more bytes come.

        Raises RpcError: RESOURCE_EXHAUSTED over the limit (known from the prefix alone),
        UNIMPLEMENTED for a compressed message, INTERNAL for flags that gRPC does not define.
        """
        if len(self._buffer) < _PREFIX.size:
            return None
        flag, length = _PREFIX.unpack_from(self._buffer)
        self._check(flag, length)
        end = _PREFIX.size + length
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            message = bytes(view[_PREFIX.size : end])
        del self._buffer[:end]
        return message

    def _check(self, flag: int, length: int) -> None:
        if flag == 1:
            raise RpcError(Code.UNIMPLEMENTED, "the peer sent a compressed message")
        if flag:
            raise RpcError(Code.INTERNAL, f"the peer sent a message with flags {flag:#04x}")
        if length > self._limit:
            text = f"the peer sent a message of {length} bytes, the limit is {self._limit}"
            raise RpcError(Code.RESOURCE_EXHAUSTED, text)
