"""``python -m cog.server.http``: starts the HTTP process.

Only the standard library may be imported up here: in an image this module may still run among the
user's packages, until it has started itself again in isolation.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cog.server.isolation import isolated_command


def main(argv: Sequence[str]) -> int:
    """Serve until told to end and return the exit status; ``argv`` has no program name."""
    isolated = bool(sys.flags.isolated and sys.flags.no_site)
    command = isolated_command(__file__, sys.executable, argv, isolated=isolated)
    if command is not None:
        os.execv(command[0], command)  # noqa: S606 # the same interpreter, no shell
    from cog.server.serve import run  # noqa: PLC0415 # see the module's rule

    return run(os.environ, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
