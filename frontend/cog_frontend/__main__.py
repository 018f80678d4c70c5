"""The frontend's process in its container: the daemon is the gRPC server on our stdin and stdout.

The order is deliberate: take the pipes away from stray prints, put the first request on the wire,
and only then import what makes sense of the answers while the daemon works.
"""

from __future__ import annotations

import os
import sys

from cog_frontend.gateway.bridge import Bridge
from cog_frontend.rpc.connection import adopt_stdio

TRACE_OPTION = "build-arg:COGKIT_TRACE=1"


def main() -> None:
    """Run one build, send exactly one Return, and exit: 0 whatever the build's outcome."""
    connection = adopt_stdio()
    trace = None
    if TRACE_OPTION in os.environ.values():
        from cog_frontend.trace import trace_this_process  # noqa: PLC0415 - only when asked for

        trace = trace_this_process()
    bridge = Bridge(trace.watch(connection) if trace else connection)
    bridge.start_ping()
    bridge.start_inputs()

    from cog_frontend.session import serve  # noqa: PLC0415 - after the first request, see above

    if trace:
        trace.mark("imports")
    serve(bridge, os.environ, finish=trace.annotate if trace else None)
    sys.stderr.flush()
    # The daemon waits for the container to stop: nothing is left to clean up in it.
    os._exit(0)


if __name__ == "__main__":
    main()
