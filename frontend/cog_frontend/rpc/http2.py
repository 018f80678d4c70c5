"""How h2 is set up for gRPC, and how queued streams are fed into it.

Settings: the receive window is as wide as HTTP/2 allows, so a large answer never waits for a
round trip; the header table has size 0, so no header of either side depends on an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings
from hpack.hpack import Encoder

from cog_frontend.rpc.frames import PREFACE
from cog_frontend.rpc.stream import HeaderList, Stream

_DEFAULT_WINDOW = 65_535  # RFC 9113 6.9.2; a connection's window can only grow from there
_BATCH = 256 * 1024  # bytes handed out at a time, so that an unread pipe bounds memory
# What RFC 9113 6.5.2 asks every server to allow at least; until its SETTINGS say otherwise.
_STREAMS_BEFORE_SETTINGS = 100


class Role(Enum):
    """Which side of the connection a peer is: a client opens calls, a server answers them."""

    CLIENT = "client"
    SERVER = "server"


class Limits(NamedTuple):
    """What a peer accepts from the other side; all sizes in bytes.

    ``max_message``: a longer message ends its call with RESOURCE_EXHAUSTED (BuildKit's own limit
    is 16 MiB). ``max_headers``: a longer header list ends the connection; errors carry their
    details, which may be megabytes, in one. ``max_frame``: 16 KiB to 16 MiB. ``window``: up to
    2**31 - 1; below 65,535 only with a peer that waits for our settings before it sends data.
    ``max_streams``: calls that a client may keep open.
    """

    max_message: int = 64 * 1024 * 1024
    max_headers: int = 32 * 1024 * 1024
    max_frame: int = 1024 * 1024
    window: int = 2**31 - 1
    max_streams: int = 1000


class _PlainEncoder(Encoder):
    """Literal headers: no table, no Huffman code.

    The peer needs no state to read them, and hpack's Huffman encoder takes time quadratic in the
    length of a value: seconds for a 200 KiB error.
    """

    def add(self, to_add: tuple[bytes, bytes], sensitive: bool, huffman: bool = False) -> bytes:  # noqa: FBT001, FBT002 - the signature is hpack's
        return super().add(to_add, True, False)


def open_http2(role: Role, limits: Limits) -> H2Connection:
    """An h2 connection that has its preface, settings and window ready to send."""
    client = role is Role.CLIENT
    connection = H2Connection(
        H2Configuration(
            client_side=client,
            # Our own lists are checked where they are made. In the peer's, h2 would end the
            # connection over a grpc-message that ends in a blank, which gRPC allows.
            validate_outbound_headers=False,
            validate_inbound_headers=False,
            normalize_outbound_headers=False,
            normalize_inbound_headers=False,
        )
    )
    values: dict[SettingCodes, int] = {
        SettingCodes.HEADER_TABLE_SIZE: 0,
        SettingCodes.ENABLE_PUSH: 0,
        SettingCodes.INITIAL_WINDOW_SIZE: limits.window,
        SettingCodes.MAX_FRAME_SIZE: limits.max_frame,
        SettingCodes.MAX_HEADER_LIST_SIZE: limits.max_headers,
    }
    if not client:
        values[SettingCodes.MAX_CONCURRENT_STREAMS] = limits.max_streams
    connection.local_settings = Settings(client=client, initial_values=values)
    connection.encoder = _PlainEncoder()
    connection.decoder.max_header_list_size = limits.max_headers
    # Frames reach h2 checked, and with header blocks joined to any length a frame can have.
    connection.max_inbound_frame_size = 2**24 - 1
    connection.initiate_connection()
    if limits.window > _DEFAULT_WINDOW:
        connection.increment_flow_control_window(limits.window - _DEFAULT_WINDOW)
    if not client:
        connection.receive_data(PREFACE)
    return connection


class Sender:
    """Moves what streams have queued into h2 as far as the peer's limits allow.

    Streams take turns, one frame each.
    """

    def __init__(self, connection: H2Connection) -> None:
        self._h2 = connection
        self._last = 0
        """The stream that was served last: the next batch begins after it."""
        self.settings_known = False
        """The peer's SETTINGS have come, so its limits are known."""

    def flush(self, streams: Iterable[Stream]) -> None:
        """Move up to a batch; the order within a stream is kept."""
        waiting = [stream for stream in streams if not stream.sent_end]
        waiting.sort(key=lambda stream: stream.number <= self._last)
        room = _BATCH
        while waiting and room > 0:
            stream = waiting.pop(0)
            size = self._send_next(stream, room)
            if size is not None:
                self._last = stream.number
                room -= size
                waiting.append(stream)

    def _send_next(self, stream: Stream, room: int) -> int | None:
        """Send the next frame, return its size; None when the stream has to wait."""
        box = stream.outbox
        if box.head is not None:
            return self._send_head(stream, box.head) if self._may_open() else None
        if box.size:
            return self._send_data(stream, room)
        if box.trailers is None or stream.sent_end:
            return None
        if box.trailers:
            self._h2.send_headers(stream.number, box.trailers, end_stream=True)
        else:
            self._h2.end_stream(stream.number)
        stream.sent_end = True
        return 0

    def _send_head(self, stream: Stream, head: HeaderList) -> int:
        ends = stream.outbox.ends_plainly
        self._h2.send_headers(stream.number, head, end_stream=ends)
        stream.outbox.head = None
        stream.sent_end = ends
        return 0

    def _send_data(self, stream: Stream, room: int) -> int | None:
        box = stream.outbox
        window = self._h2.local_flow_control_window(stream.number)
        limit = min(window, self._h2.max_outbound_frame_size, room)
        if limit <= 0:
            return None
        chunk = box.take(limit)
        stream.sent_end = box.ends_plainly
        self._h2.send_data(stream.number, chunk, end_stream=stream.sent_end)
        return len(chunk)

    def _may_open(self) -> bool:
        if not self._h2.config.client_side:
            return True
        limit = self._h2.remote_settings.max_concurrent_streams
        if not self.settings_known:
            limit = min(limit, _STREAMS_BEFORE_SETTINGS)
        return self._h2.open_outbound_streams < limit
