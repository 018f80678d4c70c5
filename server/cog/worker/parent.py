"""A worker never outlives its server: the kernel sees to it, whatever the model's code does.

The end of the socket says the same, but only to a worker whose threads get to run.
"""

from __future__ import annotations

import ctypes
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """Be killed when the process that started this one ends; does nothing but on Linux."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    except (OSError, AttributeError):
        return
