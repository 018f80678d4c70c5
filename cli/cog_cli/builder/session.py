"""A build's session: we serve, on a connection that we opened, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from cog_cli.builder.dial import Line, upgrade
from cog_cli.builder.endpoint import BuilderAt, DockerEngine
from cog_cli.builder.pb.control_pb2 import BytesMessage
from cog_frontend.rpc import Connection, Limits
from cog_frontend.rpc.dispatch import Dispatcher, Handler
from cog_frontend.rpc.server import Server, report_to_stderr

_TUNNEL = "/moby.buildkit.v1.Control/Session"
_HEADER = "X-Docker-Expose-Session-"
_HIGH_WATER = 1024 * 1024
_JOIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session's name and what it serves.

    ``shared_key``: builds with an equal one send only what changed in their folders.
    """

    id: str
    shared_key: str
    handlers: Mapping[str, Handler]

    def headers(self) -> list[tuple[str, str]]:
        """What the daemon is told of the session when it begins."""
        first = [
            (f"{_HEADER}Uuid", self.id),
            (f"{_HEADER}Name", "cog"),
            (f"{_HEADER}Sharedkey", self.shared_key),
        ]
        return [*first, *((f"{_HEADER}Grpc-Method", method) for method in self.handlers)]


@contextmanager
def served(session: Session, builder: BuilderAt, line: Line) -> Iterator[None]:
    """Serve the session while the block runs. DialError when the builder takes none.

    The block must end before the line is hung up, or right after it.
    """
    if isinstance(builder, DockerEngine):
        upgrade(line, "/session", session.headers())
        target, arguments = _serve_plainly, (session, line)
    else:
        target, arguments = _serve_in_tunnel, (session, line)
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    try:
        yield
    finally:
        line.hang_up()
        thread.join(_JOIN_SECONDS)


def _serve_plainly(session: Session, line: Line) -> None:
    Server(line.read_fd, line.write_fd, session.handlers).serve()


def _serve_in_tunnel(session: Session, line: Line) -> None:
    """buildkitd takes a session as a call whose messages are the session's bytes."""
    dispatcher = Dispatcher(session.handlers, report_to_stderr)
    metadata = [(name.lower(), value) for name, value in session.headers()]

    def receive(message: bytes) -> None:
        dispatcher.receive(BytesMessage.FromString(message).data)

    with Connection(line.read_fd, line.write_fd, limits=Limits()) as connection:
        call = connection.open(_TUNNEL, metadata, on_message=receive)
        while not call.ended and dispatcher.closed is None:
            dispatcher.work()
            while connection.peer.unsent(call.stream) < _HIGH_WATER:
                data = dispatcher.data_to_send()
                if not data:
                    break
                call.send(BytesMessage(data=data).SerializeToString())
            connection.pump(0 if dispatcher.ready else None)
    dispatcher.close()
