"""Programs that users run beside the server: those on PATH, else from Debian's packages."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from integration.engine import debian
from integration.engine.layout import cache_folder


@dataclass(frozen=True, slots=True)
class Program:
    """A program and the environment that it needs."""

    path: Path
    env: dict[str, str]


def program(name: str, folder: str, *packages: str) -> Program:
    """Return a program that lies in ``folder`` of one of ``packages``.

    The packages are those with the program and the libraries that a machine may lack.
    """
    env = {"PATH": os.environ["PATH"]}
    if found := shutil.which(name):
        return Program(Path(found), env)
    cache = cache_folder(os.environ, Path.home())
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "programs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        machine = debian.this_machine()
        # A folder of their own: two runs may unpack at a time, each under its own lock.
        root = debian.unpack(cache / "programs", machine, machine.codename, packages, print)
    libraries = ":".join(map(str, (root / "usr/lib").glob("*-linux-gnu")))
    return Program(root / folder / name, {**env, "LD_LIBRARY_PATH": libraries})
