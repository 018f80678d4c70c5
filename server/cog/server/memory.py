"""Whether the kernel has killed for want of memory: what the control group of this container says.

cgroup v2 counts in ``memory.events``, v1 in ``memory.oom_control``, both on a line ``oom_kill N``
(kernel documentation, admin-guide/cgroup-v2 and cgroup-v1/memory).
"""

from __future__ import annotations

from pathlib import Path

FILES = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
)


class MemoryKills:
    """Counts the processes that the kernel has killed in this container."""

    def __init__(self, files: tuple[Path, ...] = FILES) -> None:
        self._files = files

    def count(self) -> int | None:
        """Return how many there were; None where the kernel does not say."""
        for file in self._files:
            try:
                text = file.read_text()
            except OSError:
                continue
            if (number := kills_in(text)) is not None:
                return number
        return None


def kills_in(text: str) -> int | None:
    """Return the number on the line ``oom_kill N``."""
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill" and number.isdecimal():
            return int(number)
    return None
