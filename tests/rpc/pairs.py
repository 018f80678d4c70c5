"""Two peers joined in memory, and a bare h2 connection as a peer that may misbehave."""

from __future__ import annotations

from collections.abc import Sequence

from h2 import events as h2_events
from h2.config import H2Configuration
from h2.connection import H2Connection

from cog_frontend.rpc import Event, Limits, Peer, Role

METHOD = "/test.Service/Method"
ANSWER = ((":status", "200"), ("content-type", "application/grpc"))
REQUEST = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", METHOD),
    (":authority", "localhost"),
    ("te", "trailers"),
    ("content-type", "application/grpc+proto"),
)


class Pair:
    """A client and a server; ``sent`` records what each side wrote."""

    def __init__(self, *, client: Limits | None = None, server: Limits | None = None) -> None:
        self.client = Peer(Role.CLIENT, limits=client)
        self.server = Peer(Role.SERVER, limits=server)
        self.sent: dict[Role, bytearray] = {role: bytearray() for role in Role}
        self.largest_portion = 0

    def settle(self) -> tuple[list[Event], list[Event]]:
        """Move bytes until neither side has any; returns what the client and the server saw."""
        seen: dict[Role, list[Event]] = {role: [] for role in Role}
        moved = True
        while moved:
            up = self._move(Role.CLIENT, self.client, self.server, seen[Role.SERVER])
            down = self._move(Role.SERVER, self.server, self.client, seen[Role.CLIENT])
            moved = up or down
        return seen[Role.CLIENT], seen[Role.SERVER]

    def _move(self, role: Role, source: Peer, target: Peer, seen: list[Event]) -> bool:
        moved = False
        while data := source.data_to_send():
            self.largest_portion = max(self.largest_portion, len(data))
            self.sent[role] += data
            seen += target.receive(data)
            moved = True
        return moved


class RawServer:
    """A bare h2 server opposite a client peer."""

    def __init__(self, peer: Peer | None = None) -> None:
        self.peer = peer or Peer(Role.CLIENT)
        self.h2 = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
        self.h2.initiate_connection()
        self.seen: list[h2_events.Event] = []

    def settle(self) -> list[Event]:
        """Move bytes until quiet; what h2 reports is added to ``seen``."""
        events: list[Event] = []
        while True:
            up, down = self.peer.data_to_send(), self.h2.data_to_send()
            if not up and not down:
                return events
            self.seen += self.h2.receive_data(up)
            events += self.peer.receive(down) if down else []

    def say(self, data: bytes) -> list[Event]:
        """Give the peer raw bytes, then settle."""
        return self.peer.receive(data) + self.settle()

    def saw(self, kind: type[h2_events.Event]) -> list[h2_events.Event]:
        """Every event of a kind that the client caused."""
        return [event for event in self.seen if isinstance(event, kind)]


class RawClient(RawServer):
    """A bare h2 client opposite a server peer."""

    def __init__(self, peer: Peer | None = None) -> None:
        self.peer = peer or Peer(Role.SERVER)
        self.h2 = H2Connection(H2Configuration(client_side=True, validate_outbound_headers=False))
        self.h2.initiate_connection()
        self.seen = []

    def ask(self, headers: Sequence[tuple[str, str]] = REQUEST, data: bytes = b"") -> list[Event]:
        """Open the next stream with these headers and end it after ``data``."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, headers)
        self.h2.send_data(stream, data, end_stream=True)
        return self.settle()


def kinds(events: Sequence[Event]) -> list[str]:
    """Names of the events' types."""
    return [type(event).__name__ for event in events]


def typed(events: Sequence[Event]) -> list[tuple[str, Event]]:
    """Events with their types: named tuples of different types can be equal."""
    return list(zip(kinds(events), events, strict=True))
