"""gRPC over HTTP/2 on h2: a peer without I/O, and thin edges over file descriptors."""

from cog_frontend.rpc.connection import Call, Connection, adopt_stdio
from cog_frontend.rpc.events import (
    ConnectionClosed,
    Event,
    Finished,
    HalfClosed,
    MessageReceived,
    Metadata,
    RequestStarted,
    ResponseStarted,
)
from cog_frontend.rpc.http2 import Limits, Role
from cog_frontend.rpc.peer import Peer
from cog_frontend.rpc.status import OK, Code, ConnectionLost, RpcError, Status

__all__ = [
    "OK",
    "Call",
    "Code",
    "Connection",
    "ConnectionClosed",
    "ConnectionLost",
    "Event",
    "Finished",
    "HalfClosed",
    "Limits",
    "MessageReceived",
    "Metadata",
    "Peer",
    "RequestStarted",
    "ResponseStarted",
    "Role",
    "RpcError",
    "Status",
    "adopt_stdio",
]
