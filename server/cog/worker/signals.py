"""SIGINT and SIGTERM mean nothing to the worker, and what they always mean to its children.

The server decides what becomes of its workers; a signal to the whole process group is for the
server. The signals get a handler that does nothing, rather than being ignored or blocked: that
would be inherited by every program the model starts.
"""

from __future__ import annotations

import os
import signal
import threading

ENDING = (signal.SIGINT, signal.SIGTERM)


def ignore_end() -> None:
    """Install the handlers, and see to forks of this process; call it once, in the main thread."""
    for number in ENDING:
        signal.signal(number, _do_nothing)
    masks = _Masks()
    os.register_at_fork(
        before=masks.hold,
        after_in_parent=masks.release,
        after_in_child=lambda: _become_ordinary(masks),
    )


class _Masks(threading.local):
    """Holds the signals of a thread back while it forks.

    Without that, a child that is told to end right after it was made (as multiprocessing may do)
    would take the signal with the handler it has inherited, and live on.
    """

    def hold(self) -> None:
        self.before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    def release(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self.before)


def _become_ordinary(masks: _Masks) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    masks.release()


def _do_nothing(_number: int, _frame: object) -> None:
    """Take a signal."""
