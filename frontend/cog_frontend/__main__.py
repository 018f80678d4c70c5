"""The frontend's process in its container: the daemon is the gRPC server on our stdin and stdout.

The order is deliberate: take the pipes away from stray prints, put the first request on the wire,
and only then import what makes sense of the answers while the daemon works.
"""

from __future__ import annotations

import os
import sys

from cog_frontend.gateway.bridge import Bridge
from cog_frontend.rpc.connection import adopt_stdio


def main() -> None:
    """Run one build, send exactly one Return, and exit: 0 whatever the build's outcome."""
    connection = adopt_stdio()
    bridge = Bridge(connection)
    bridge.start_ping()

    from cog_frontend.session import serve  # noqa: PLC0415 - after the first request, see above

    serve(bridge, os.environ)
    sys.stderr.flush()
    # The daemon waits for the container to stop: nothing is left to clean up in it.
    os._exit(0)


if __name__ == "__main__":
    main()
