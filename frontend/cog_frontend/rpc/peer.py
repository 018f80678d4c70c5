"""gRPC over HTTP/2 without I/O: bytes in, events out; calls in, bytes out. Either role.

The owner moves bytes: what it reads goes into ``receive``, what ``data_to_send`` returns it
writes, after every other call, until that returns b"". Windows, settings, pings and limits are
handled here; the owner never sees HTTP/2.

Sources: gRPC's PROTOCOL-HTTP2.md, RFC 9113.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from h2 import events as h2_events
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from cog_frontend.rpc import headers as wire
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
from cog_frontend.rpc.frames import GOAWAY, PREFACE, Frame, FrameError, FrameReader
from cog_frontend.rpc.http2 import Limits, Role, Sender, open_http2
from cog_frontend.rpc.messages import encode_message
from cog_frontend.rpc.status import OK, Code, ConnectionLost, RpcError, Status, status_from_reset
from cog_frontend.rpc.stream import Stream


class Peer:
    """One side of a connection. ``authority`` is what a client calls the server (``:authority``).

    Every method that names a stream raises ValueError for one that does not exist or has ended,
    except ``cancel`` and ``unsent``; every one that sends raises ConnectionLost once the
    connection is closed.
    """

    def __init__(
        self, role: Role, *, authority: str = "localhost", limits: Limits | None = None
    ) -> None:
        self._role = role
        self._authority = authority
        self._limits = limits or Limits()
        self._h2 = open_http2(role, self._limits)
        self._sender = Sender(self._h2)
        self._frames = FrameReader(
            preface=PREFACE if role is Role.SERVER else b"",
            max_frame=self._limits.max_frame,
            max_block=self._limits.max_headers,
        )
        self._streams: dict[int, Stream] = {}
        self._events: list[Event] = []
        self._next = 1
        self._goaway = ""
        self._closed: str | None = None

    def __repr__(self) -> str:
        state = "open" if self._closed is None else f"closed: {self._closed}"
        return f"<Peer {self._role.value}, {len(self._streams)} calls, {state}>"

    def data_to_send(self) -> bytes:
        """The next bytes to write; b"" when there are none until something else happens.

        Large messages come in portions: write one, then ask again.
        """
        if self._closed is None:
            self._sender.flush(self._streams.values())
            for stream in [s for s in self._streams.values() if s.over and s.sent_end]:
                self._drop(stream)
        return self._h2.data_to_send()

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes in any cut (b"": the peer will send no more) and return what they mean.

        The list may hold more about a stream that the owner ends while going through it.
        """
        if self._closed is not None:
            return []
        try:
            for frame in self._frames.receive(data):
                self._take(frame)
        except FrameError as error:
            self._h2.close_connection(error.error)
            self._close(str(error))
        except ProtocolError as error:
            self._close(f"the peer broke HTTP/2: {error}")
        if not data and self._closed is None:
            self._close("the peer closed the connection")
        events, self._events = self._events, []
        return events

    def open(self, method: str, metadata: Metadata = (), *, timeout: float | None = None) -> int:
        """Client: start a call and return its stream; the server may answer at once.

        ``timeout`` in seconds is told to the server, not enforced here. ValueError for a method
        that is not ``/package.Service/Method`` and for metadata that gRPC cannot carry.
        """
        self._expect(Role.CLIENT)
        if self._goaway:
            raise ConnectionLost(f"the peer takes no more calls{self._goaway}")
        head = wire.request_headers(method, self._authority, metadata, timeout=timeout)
        stream = self._add(self._next)
        self._next += 2
        stream.started = True
        stream.outbox.head = head
        return stream.number

    def send_message(self, number: int, data: bytes) -> None:
        """Queue one message; a server that has not sent headers sends them first."""
        stream = self._live(number)
        if not stream.started:
            self.respond_headers(number)
        stream.outbox.add(encode_message(data))

    def end(self, number: int) -> None:
        """Client: no further message follows on this stream."""
        self._expect(Role.CLIENT)
        self._live(number).outbox.end([])

    def respond_headers(self, number: int, metadata: Metadata = ()) -> None:
        """Server: start the answer; ValueError the second time."""
        self._expect(Role.SERVER)
        stream = self._live(number)
        if stream.started:
            raise ValueError(f"the answer on stream {number} has been started already")
        stream.outbox.head = wire.response_headers(metadata)
        stream.started = True

    def finish(self, number: int, status: Status = OK, metadata: Metadata = ()) -> None:
        """Server: end the call after what is queued; nothing more is told about the stream."""
        self._expect(Role.SERVER)
        self._answer(self._live(number), status, metadata)

    def cancel(self, number: int) -> None:
        """Abandon a call at once; no event follows. A call that has ended is left alone."""
        stream = self._streams.get(number)
        if stream is not None and self._closed is None:
            self._reset(stream, ErrorCodes.CANCEL)

    def unsent(self, number: int) -> int:
        """Bytes of a stream that still wait; 0 for one that has ended."""
        stream = self._streams.get(number)
        return stream.outbox.size if stream is not None else 0

    def _expect(self, role: Role) -> None:
        if self._closed is not None:
            raise ConnectionLost(self._closed)
        if self._role is not role:
            raise ValueError(f"only a {role.value} can do this")

    def _live(self, number: int) -> Stream:
        if self._closed is not None:
            raise ConnectionLost(self._closed)
        stream = self._streams.get(number)
        if stream is None or stream.over:
            raise ValueError(f"stream {number} does not exist or has ended")
        return stream

    def _add(self, number: int) -> Stream:
        stream = Stream(number, self._limits.max_message)
        self._streams[number] = stream
        return stream

    # What ends a call or the connection.

    def _answer(self, stream: Stream, status: Status, metadata: Metadata = ()) -> None:
        end = wire.trailers(status, metadata)
        if not stream.started:  # "Trailers-Only": one header list is the whole answer
            stream.outbox.head = wire.response_headers() + end
            stream.started = True
            end = []
        stream.outbox.end(end)
        stream.over = True

    def _conclude(self, stream: Stream, status: Status, metadata: Metadata = ()) -> None:
        """End a call from here, telling the owner and, as far as it can hear, the peer."""
        self._events.append(
            Finished(stream.number, status.code, status.message, status.details, metadata)
        )
        if self._role is Role.CLIENT:
            self._drop(stream, ErrorCodes.CANCEL)
        else:
            self._answer(stream, status)

    def _drop(self, stream: Stream, error: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Forget a call; what the other side may still send on it is cut off."""
        if stream.sent_end and stream.received_end:
            del self._streams[stream.number]
        else:
            self._reset(stream, error)

    def _reset(self, stream: Stream, error: ErrorCodes) -> None:
        del self._streams[stream.number]
        unopened = self._role is Role.CLIENT and stream.outbox.head is not None
        if not unopened:
            self._h2.reset_stream(stream.number, error)

    def _close(self, reason: str) -> None:
        self._closed = reason + self._goaway
        self._streams.clear()
        self._events.append(ConnectionClosed(self._closed))

    # What the peer sends.

    def _take(self, frame: Frame) -> None:
        if frame.kind == GOAWAY and frame.stream == 0 and len(frame.payload) >= 8:
            self._on_goaway(frame.payload)
            return
        for event in self._h2.receive_data(frame):
            handler = _HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)

    def _on_goaway(self, payload: bytes) -> None:
        last = int.from_bytes(payload[:4]) & 0x7FFFFFFF
        error = int.from_bytes(payload[4:8])
        why = payload[8:].decode("utf-8", "replace")
        self._goaway = f" (it said goodbye: HTTP/2 error {error} {why!r})"
        if self._role is Role.SERVER:
            return
        lost = Status(Code.UNAVAILABLE, f"the peer did not take this call{self._goaway}")
        for stream in list(self._streams.values()):
            if stream.number > last or stream.outbox.head is not None:
                self._conclude(stream, lost)

    def _on_settings(self, _: h2_events.RemoteSettingsChanged) -> None:
        self._sender.settings_known = True

    def _on_request(self, event: h2_events.RequestReceived) -> None:
        stream = self._add(event.stream_id)
        request = wire.parse_request(event.headers)
        if isinstance(request, wire.Request):
            self._events.append(
                RequestStarted(stream.number, request.method, request.metadata, request.timeout)
            )
        elif isinstance(request, Status):
            self._answer(stream, request)
        else:
            stream.outbox.head = [(b":status", str(request).encode())]
            stream.outbox.end([])
            stream.over = True

    def _on_response(self, event: h2_events.ResponseReceived) -> None:
        stream = self._streams[event.stream_id]
        refused = wire.refused_response(event.headers)
        if event.stream_ended is not None:
            self._on_last_headers(stream, event.headers, refused)
        elif refused is not None:
            self._conclude(stream, refused)
        else:
            metadata = wire.decode_metadata(event.headers)
            self._events.append(ResponseStarted(stream.number, metadata))

    def _on_trailers(self, event: h2_events.TrailersReceived) -> None:
        if self._role is Role.CLIENT:  # a client's trailers have no meaning in gRPC
            self._on_last_headers(self._streams[event.stream_id], event.headers, None)

    def _on_last_headers(
        self, stream: Stream, headers: wire.Headers, refused: Status | None
    ) -> None:
        stream.received_end = True
        status = wire.parse_trailers(headers) or refused or _NO_STATUS
        if status.code == Code.OK and not stream.reader.empty:
            status = _CUT_SHORT
        self._conclude(stream, status, wire.decode_metadata(headers))

    def _on_data(self, event: h2_events.DataReceived) -> None:
        self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        stream = self._streams[event.stream_id]
        if stream.over:
            return
        stream.reader.receive(event.data)
        try:
            while (message := stream.reader.next_message()) is not None:
                self._events.append(MessageReceived(stream.number, message))
        except RpcError as error:
            stream.received_end = event.stream_ended is not None
            self._conclude(stream, error.status)

    def _on_end(self, event: h2_events.StreamEnded) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        stream.received_end = True
        if stream.over:
            return
        if self._role is Role.CLIENT:
            self._conclude(stream, _NO_TRAILERS)
        elif stream.reader.empty:
            self._events.append(HalfClosed(stream.number))
        else:
            self._conclude(stream, _CUT_SHORT)

    def _on_reset(self, event: h2_events.StreamReset) -> None:
        stream = self._streams.pop(event.stream_id, None)
        if stream is not None and not stream.over:
            status = status_from_reset(event.error_code)
            self._events.append(Finished(stream.number, status.code, status.message))


_NO_STATUS = Status(Code.UNKNOWN, "the peer sent no grpc-status")
_NO_TRAILERS = Status(Code.INTERNAL, "the peer ended the answer without trailers")
_CUT_SHORT = Status(Code.INTERNAL, "the peer ended in the middle of a message")

# What h2 reports and is not here needs no answer from this layer.
_HANDLERS: dict[type[h2_events.Event], Callable[[Peer, Any], None]] = {
    h2_events.RemoteSettingsChanged: Peer._on_settings,
    h2_events.RequestReceived: Peer._on_request,
    h2_events.ResponseReceived: Peer._on_response,
    h2_events.TrailersReceived: Peer._on_trailers,
    h2_events.DataReceived: Peer._on_data,
    h2_events.StreamEnded: Peer._on_end,
    h2_events.StreamReset: Peer._on_reset,
}
