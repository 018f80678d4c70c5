"""How a call ends: codes, the errors that carry them, and what HTTP/2 endings mean as codes.

Numbers and mappings: gRPC's statuscodes.md, PROTOCOL-HTTP2.md and http-grpc-status-mapping.md.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from h2.errors import ErrorCodes


class Code(IntEnum):
    """gRPC status codes; a peer may also send a number that is not listed here."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


_NAMES: dict[int, str] = {code.value: code.name for code in Code}


class Status(NamedTuple):
    """The end of a call: ``code`` 0 is success; ``details`` is a raw google.rpc.Status or empty."""

    code: int = Code.OK
    message: str = ""
    details: bytes = b""


OK = Status()


class RpcError(Exception):
    """A call ended with a code other than OK.

    ``message`` is the peer's text, ``details`` the bytes of a google.rpc.Status as received
    (b"" when the peer sent none).
    """

    def __init__(self, code: int, message: str = "", details: bytes = b"") -> None:
        self.code = code
        self.message = message
        self.details = details
        super().__init__(code, message, details)

    def __str__(self) -> str:
        return f"{_NAMES.get(self.code, self.code)}: {self.message}"

    @property
    def status(self) -> Status:
        """The same as a value."""
        return Status(self.code, self.message, self.details)


class ConnectionLost(RpcError):
    """The peer went away or broke the protocol: no call on this connection can go on."""

    def __init__(self, reason: str) -> None:
        super().__init__(Code.UNAVAILABLE, reason)
        self.args = (reason,)


_FROM_HTTP: dict[int, Code] = {
    400: Code.INTERNAL,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.UNIMPLEMENTED,
    429: Code.UNAVAILABLE,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.UNAVAILABLE,
}

# PROTOCOL-HTTP2.md, "Errors"; STREAM_CLOSED has no mapping there.
_FROM_RESET: dict[int, Code] = {
    ErrorCodes.NO_ERROR: Code.INTERNAL,
    ErrorCodes.PROTOCOL_ERROR: Code.INTERNAL,
    ErrorCodes.INTERNAL_ERROR: Code.INTERNAL,
    ErrorCodes.FLOW_CONTROL_ERROR: Code.INTERNAL,
    ErrorCodes.SETTINGS_TIMEOUT: Code.INTERNAL,
    ErrorCodes.FRAME_SIZE_ERROR: Code.INTERNAL,
    ErrorCodes.REFUSED_STREAM: Code.UNAVAILABLE,
    ErrorCodes.CANCEL: Code.CANCELLED,
    ErrorCodes.COMPRESSION_ERROR: Code.INTERNAL,
    ErrorCodes.CONNECT_ERROR: Code.INTERNAL,
    ErrorCodes.ENHANCE_YOUR_CALM: Code.RESOURCE_EXHAUSTED,
    ErrorCodes.INADEQUATE_SECURITY: Code.PERMISSION_DENIED,
}
_RESET_NAMES: dict[int, str] = {error.value: error.name for error in ErrorCodes}


def status_from_http(http_status: int) -> Code:
    """The code for an answer without grpc-status; UNKNOWN where gRPC's table has no row."""
    return _FROM_HTTP.get(http_status, Code.UNKNOWN)


def status_from_reset(error: int) -> Status:
    """What a RST_STREAM with this HTTP/2 error code means."""
    known = _FROM_RESET.get(error, Code.UNKNOWN)
    return Status(known, f"the peer reset the stream ({_RESET_NAMES.get(error, error)})")
