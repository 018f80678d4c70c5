"""Processes that outlive the command that starts them, known by pid and command line.

A pid file alone says nothing after a reboot or a kill: a process counts as ours only while
its command line still holds the mark (the path of its own settings file).
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from integration.engine.errors import EngineError

_POLL = 0.05
_EXEC_SECONDS = 5.0
_CHANGER = "env"


@dataclass(frozen=True, slots=True)
class Daemon:
    """A background process: its pid file and the text its command line must hold."""

    pid_file: Path
    mark: str

    def pid(self) -> int | None:
        """Return the pid while the process runs and is ours, else None.

        A zombie counts as gone: its command line is empty (proc(5)).
        """
        pid, command = self._process()
        return pid if self.mark.encode() in command else None

    def start(self, argv: tuple[str, ...], env: Mapping[str, str], log: Path) -> None:
        """Start ``argv`` in ``/`` and a session of its own, with its output in ``log``.

        The folder that it is started from may be gone before it is: programs that it runs, such as
        git, fail in a folder that is no more.
        """
        search = env.get("PATH", "")
        program = shutil.which(argv[0], path=search)
        if program is None:
            raise EngineError(f"{argv[0]}: no such program")
        changer = shutil.which(_CHANGER, path=search) or f"/usr/bin/{_CHANGER}"
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        actions = (
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), new, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        )
        moved = (_CHANGER, "--chdir=/", program, *argv[1:])
        pid = os.posix_spawn(changer, moved, env, file_actions=actions, setsid=True)
        self.pid_file.write_text(f"{pid}\n")
        # There is no command line for a moment at each exec: the changer's, then the program's.
        wait_for(self._is_itself, _EXEC_SECONDS)

    def _is_itself(self) -> bool:
        command = self._process()[1]
        return self.mark.encode() in command and command[0] != _CHANGER.encode()

    def _process(self) -> tuple[int, list[bytes]]:
        """Return what has the pid of the file: the pid and its command line, [b""] for none."""
        try:
            pid = int(self.pid_file.read_text())
            return pid, Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return 0, [b""]

    def stop(self, grace: float = 20.0) -> bool:
        """Ask the process to end, kill it after ``grace`` seconds; say whether it ran."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            if not wait_for(lambda: self.pid() is None, grace):
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda: self.pid() is None, grace)
        self.pid_file.unlink(missing_ok=True)
        return pid is not None


def runs_elsewhere(program: str, mark: str) -> bool:
    """Whether a ``program`` runs on this machine whose command line does not hold ``mark``."""
    return any(name == program and mark not in command for name, command in _running())


def runs_with(mark: str) -> bool:
    """Whether any process on this machine has ``mark`` in its command line."""
    return any(mark in command for _, command in _running())


def _running() -> Iterator[tuple[str, str]]:
    """Yield name and command line of every process; a zombie's command line is empty."""
    for folder in Path("/proc").iterdir():
        try:
            name = (folder / "comm").read_text().strip()
            command = os.fsdecode((folder / "cmdline").read_bytes()).replace("\0", " ")
        except OSError:
            continue
        if command:
            yield name, command


def wait_for(ready: Callable[[], bool], seconds: float) -> bool:
    """Ask ``ready`` until it is true or ``seconds`` are over; return its last answer."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def last_line(log: Path) -> str:
    """Return the last line of a log that says something, or a hint that there is none."""
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    return lines[-1] if lines else f"{log} is empty"
