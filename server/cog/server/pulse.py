"""Whether a worker that says nothing is hung: a decision, and the rules for it.

A worker's reading thread answers pings whatever the model does, unless native code keeps Python's
lock, which a long step of a model may do for minutes. So silence proves something only while
nothing runs, or where whoever runs the server has said how long is too long.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PulsePolicy:
    """When silence is too long; times in seconds.

    A worker is pinged every ``interval``. One that runs nothing, or whose process is stopped, is
    hung after ``idle`` without a word, one that runs something after ``busy`` (None: never).
    """

    interval: float = 10.0
    idle: float = 60.0
    busy: float | None = None

    def is_hung(self, silence: float, *, busy: bool, stopped: bool) -> bool:
        """Say whether a worker that has not said a word for ``silence`` seconds is hung."""
        if busy and not stopped:
            return self.busy is not None and silence >= self.busy
        return silence >= self.idle
