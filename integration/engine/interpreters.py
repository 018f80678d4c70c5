"""Python interpreters on this machine that can be copied into a base image."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_MINORS = range(10, 15)
_VERSION = re.compile(r"3\.(\d+)\.(\d+)")
_ASK = "import sys; print('.'.join(map(str, sys.version_info[:3])), sys.base_prefix)"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A CPython installation with a prefix of its own."""

    version: str
    prefix: Path

    @property
    def minor(self) -> str:
        """The version as in an image tag: ``3.12``."""
        return self.version.rpartition(".")[0]


def newest(found: Iterable[Interpreter]) -> tuple[Interpreter, ...]:
    """Return the newest interpreter of each minor version that cogkit knows, oldest first."""
    best: dict[int, tuple[int, Interpreter]] = {}
    for interpreter in found:
        match = _VERSION.fullmatch(interpreter.version)
        if match is None or int(match[1]) not in _MINORS:
            continue
        minor, patch = int(match[1]), int(match[2])
        if minor not in best or patch > best[minor][0]:
            best[minor] = (patch, interpreter)
    return tuple(best[minor][1] for minor in sorted(best))


def find(env: Mapping[str, str], home: Path) -> tuple[Interpreter, ...]:
    """Return one interpreter per minor version: pyenv's first, then ``python3.X`` on PATH.

    The distribution's own below /usr is left out: its files are spread over /usr.
    """
    root = Path(env.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    found = [
        Interpreter(folder.name, folder)
        for folder in (sorted(root.iterdir()) if root.is_dir() else ())
        if (folder / "bin" / f"python{folder.name.rpartition('.')[0]}").is_file()
    ]
    known = {interpreter.minor for interpreter in found}
    for minor in (f"3.{number}" for number in _MINORS):
        program = shutil.which(f"python{minor}", path=env.get("PATH", ""))
        asked = _ask(program, env) if program and minor not in known else None
        if asked is not None and asked.prefix != Path("/usr"):
            found.append(asked)
    return newest(found)


def _ask(program: str, env: Mapping[str, str]) -> Interpreter | None:
    done = subprocess.run(
        (program, "-I", "-c", _ASK), env=env, capture_output=True, text=True, check=False
    )
    version, _, prefix = done.stdout.strip().partition(" ")
    return Interpreter(version, Path(prefix)) if done.returncode == 0 and prefix else None


def copy(interpreter: Interpreter, target: Path) -> None:
    """Copy what runs and compiles extensions, without tests, caches and installed packages.

    Packages are left out because an image starts with pip alone (``ensurepip`` brings it).
    """
    minor = interpreter.minor
    for part in (f"lib/python{minor}", f"include/python{minor}"):
        source = interpreter.prefix / part
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "test", "site-packages", "libpython*.a")
            shutil.copytree(source, target / part, symlinks=True, ignore=ignore)
    (target / f"lib/python{minor}/site-packages").mkdir(parents=True)
    (target / "bin").mkdir()
    shutil.copy2(interpreter.prefix / f"bin/python{minor}", target / f"bin/python{minor}")
    for library in (interpreter.prefix / "lib").glob(f"libpython{minor}*.so*"):
        shutil.copy2(library, target / "lib" / library.name, follow_symlinks=False)
