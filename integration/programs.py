"""Programs that users run beside the server: those on PATH, else from Debian's packages."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
    with _lock() as cache:
        machine = debian.this_machine()
        root = debian.unpack(cache / "programs", machine, machine.codename, packages, print)
    libraries = ":".join(map(str, (root / "usr/lib").glob("*-linux-gnu")))
    return Program(root / folder / name, {**env, "LD_LIBRARY_PATH": libraries})


@contextmanager
def _lock() -> Iterator[Path]:
    """Yield the cache folder; one run unpacks programs at a time."""
    cache = cache_folder(os.environ, Path.home())
    cache.mkdir(parents=True, exist_ok=True)
    # Apart from the engine's packages, which have a lock of their own.
    with (cache / "programs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield cache


def python(minor: str) -> Path:
    """Return a ``python3.X`` of Debian sid, which runs with the C library it was built for."""
    names = ("python{}", "python{}-minimal", "libpython{}-minimal", "libpython{}-stdlib")
    packages = (*(name.format(minor) for name in names), *_PYTHON_NEEDS)
    with _lock() as cache:
        root = debian.unpack(cache / "programs", debian.this_machine(), "sid", packages, print)
        (library,) = (root / "usr/lib").glob("*-linux-gnu")
        (loader,) = library.glob("ld-linux-*.so.*")
        wrapper = root / f"python{minor}"
        wrapper.write_text(
            _PYTHON.format(usr=root / "usr", minor=minor, loader=loader, library=library)
        )
        wrapper.chmod(0o755)
    return wrapper


_PYTHON_NEEDS = (
    "libc6", "libbz2-1.0", "libexpat1", "libffi8", "liblzma5", "libssl3t64", "libuuid1",
    "libzstd1", "zlib1g",
)  # fmt: skip

_PYTHON = """\
#!/bin/sh
PYTHONHOME={usr} exec {loader} --argv0 "$0" --library-path {library} {usr}/bin/python{minor} "$@"
"""
