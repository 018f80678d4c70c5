"""One build over a connection: session, solve and frontend side by side, then how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from cog_cli.builder.dial import Line, dialled, upgrade
from cog_cli.builder.endpoint import BuilderAt, DockerEngine
from cog_cli.builder.pb.control_pb2 import SolveRequest, SolveResponse, StatusRequest
from cog_cli.builder.session import Session, served
from cog_frontend.gateway import Bridge
from cog_frontend.options import read_options
from cog_frontend.rpc import Call, Connection, RpcError
from cog_frontend.session import answer

_CONTROL = "/moby.buildkit.v1.Control/"
_BUILD_ID = "buildkit-controlapi-buildid"
# The daemon may keep the stream of a failed build open for seconds; nothing comes any more.
_STATUS_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One build. ``options`` are the frontend's; ``in_process``: that is us."""

    request: SolveRequest
    options: Mapping[str, str]
    in_process: bool
    session: Session


@contextmanager
def connected(builder: BuilderAt, session: Session) -> Iterator[Connection]:
    """A connection to the builder, with the session served beside it. DialError."""
    with ExitStack() as open_ones:
        # Both at once: programs need a moment to start.
        line = open_ones.enter_context(dialled(builder.address))
        session_line = open_ones.enter_context(dialled(builder.address))
        if isinstance(builder, DockerEngine):
            upgrade(line, "/grpc")
        open_ones.enter_context(served(session, builder, session_line))
        yield open_ones.enter_context(_connection(line))


@contextmanager
def _connection(line: Line) -> Iterator[Connection]:
    with Connection(line.read_fd, line.write_fd) as connection:
        yield connection


def solve(
    connection: Connection, job: Job, on_status: Callable[[bytes], None]
) -> Mapping[str, str]:
    """Run the build and return what the exporters say. RpcError with the daemon's reason.

    ``on_status`` is given the messages of the status stream. When the block is left early, by
    Ctrl-C, the daemon is told and stops every step.
    """
    solving = connection.start(_CONTROL + "Solve", job.request.SerializeToString())
    status_request = StatusRequest(Ref=job.request.Ref).SerializeToString()
    status = connection.start(_CONTROL + "Status", status_request, on_message=on_status)
    try:
        if job.in_process:
            _compile(connection, job, solving)
        return _ended(solving)
    finally:
        _drain(connection, status)
        status.cancel()
        solving.cancel()


def _ended(solving: Call) -> Mapping[str, str]:
    return dict(SolveResponse.FromString(solving.result()).ExporterResponse)


def _compile(connection: Connection, job: Job, solving: Call) -> None:
    """Be the frontend of the build. What goes wrong is the outcome of ``solving``."""
    bridge = Bridge(_Transport(connection, job.request.Ref))
    bridge.start_ping()
    try:
        answer(bridge, lambda: read_options(job.options, job.session.id))
    except RpcError:
        # A build that ended under us has its reason in ``solving``; else this is the reason.
        if not solving.ended:
            raise


@dataclass(frozen=True, slots=True)
class _Transport:
    """Calls of one build to the daemon's gateway."""

    connection: Connection
    ref: str

    def start(self, method: str, request: bytes) -> Call:
        return self.connection.start(method, request, ((_BUILD_ID, self.ref),))


def _drain(connection: Connection, status: Call) -> None:
    """Take what the daemon still has to tell of the steps."""
    deadline = time.monotonic() + _STATUS_GRACE_SECONDS
    while not status.ended and (left := deadline - time.monotonic()) > 0:
        connection.pump(left)
