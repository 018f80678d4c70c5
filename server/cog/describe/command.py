"""The build step that writes what the project's handlers take and give."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cog.describe.handler import describe
from cog.worker.failure import LoadError, traceback_text


def main(out: str, *handlers: str) -> int:
    """Write JSON to ``out``: a description for each ``MODE=REF``, by its mode; return the status.

    The project is the current directory. What the model's code raises goes to stderr as Python
    shows it, without our frames. Threads that the model has started are not waited for: end the
    process with the status that is returned.
    """
    root = Path.cwd()
    sys.path.insert(0, str(root))
    described = {}
    status = 0
    for handler in handlers:
        mode, _, ref = handler.partition("=")
        sys.argv[:] = [str(root / ref.partition(":")[0])]
        try:
            described[mode] = describe(ref, root, mode)
        except LoadError as error:
            sys.stderr.write(f"{error}\n")
            status = 1
        except BaseException as error:  # the model's code may raise anything, SystemExit too
            sys.stderr.write(traceback_text(error))
            status = 1
    if not status:
        path = Path(out)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(described))
    sys.stdout.flush()
    sys.stderr.flush()
    return status
