"""A server for one connection over file descriptors: one thread, handlers as generators."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from cog_frontend.rpc.dispatch import Dispatcher, Handler, Report
from cog_frontend.rpc.duplex import Duplex
from cog_frontend.rpc.http2 import Limits


def report_to_stderr(error: Exception) -> None:
    """Print a handler's exception with its traceback; it is a bug."""
    sys.excepthook(type(error), error, error.__traceback__)


class Server:
    """Answers the client at the other end of two descriptors, which it owns until ``serve`` ends.

    ``handlers`` by method (``/package.Service/Method``), see ``dispatch``.
    """

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        handlers: Mapping[str, Handler],
        *,
        limits: Limits | None = None,
        report: Report = report_to_stderr,
    ) -> None:
        self._duplex = Duplex(read_fd, write_fd)
        self._dispatcher = Dispatcher(handlers, report, limits=limits)

    def serve(self) -> str:
        """Serve until the client goes away; returns how the connection ended."""
        try:
            while self._dispatcher.closed is None:
                self._dispatcher.work()
                self._duplex.push(self._dispatcher.data_to_send)
                data = self._duplex.wait(0 if self._dispatcher.ready else None)
                if data is not None:
                    self._dispatcher.receive(data)
            return self._dispatcher.closed
        finally:
            self._dispatcher.close()
            self._duplex.close()
