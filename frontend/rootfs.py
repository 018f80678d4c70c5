"""Assembles the frontend image's files: an interpreter, its standard library and the program.

    python rootfs.py APP OUT

Runs in the build of Dockerfile.frontend. Only bytecode is shipped (a source file would be looked
up on every import), checked against nothing, because nothing in the image ever changes.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# Of no use to a program without a terminal, a network or a package manager. Without OpenSSL,
# hashlib uses the interpreter's own SHA-256, which is all that LLB needs.
LEFT_OUT = (
    "__pycache__", "config-*", "curses", "ensurepip", "idlelib", "lib2to3", "pydoc_data",
    "site-packages", "sqlite3", "test", "tests", "tkinter", "turtle*", "turtledemo", "venv",
    "_sqlite3.*", "_tkinter.*", "_curses*", "_dbm.*", "_gdbm.*", "_test*", "_xxtestfuzz*",
    "xxlimited*", "_ctypes_test.*", "_codecs_*", "_ssl.*", "_hashlib.*", "readline.*",
    "*.dist-info", "*.pyi", "*.proto", "py.typed", "asyncio", "concurrent", "dbm", "http",
    "multiprocessing", "unittest", "wsgiref", "xml", "xmlrpc", "pyexpat.*", "_asyncio.*",
    "_multiprocessing.*", "_elementtree.*", "_decimal.*", "_interp*", "mailbox.py", "imaplib.py",
    "smtplib.py", "pdb.py", "doctest.py",
)  # fmt: skip

# As in the image's entrypoint, but for -E: the seed comes from the environment.
PYTHON_OPTIONS = ("-s", "-S", "-B")

# What the frontend may import of ours; what they import comes with them.
PACKAGES = ("cog_frontend", "cog_compat", "buildkit_llb")


def main(app: Path, out: Path) -> None:
    """Fill ``out`` with the image's root filesystem."""
    interpreter = Path(sys.executable).resolve()
    stdlib = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(app, out / "app", ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in ("start.py", "bundle.py"):
        shutil.copy2(Path(__file__).with_name(name), out / "app")
    shutil.copytree(stdlib, out / stdlib.relative_to("/"), ignore=shutil.ignore_patterns(*LEFT_OUT))
    program = out / "usr/local/bin/python3"
    program.parent.mkdir(parents=True)
    shutil.copy2(interpreter, program)
    for folder in (out / "app", out / stdlib.relative_to("/")):
        only_bytecode(folder)
    for binary in (program, *out.rglob("*.so")):
        strip(binary)
        for library in libraries(binary):
            target = out / library.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copy2(library.resolve(), target)
                strip(target)
    index_libraries(out)
    bundle(out)


def only_bytecode(folder: Path) -> None:
    """Replace every source file by its bytecode."""
    done = compileall.compile_dir(
        folder,
        quiet=1,
        legacy=True,
        stripdir=str(folder.parent),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise SystemExit(f"{folder}: some files do not compile")
    for source in folder.rglob("*.py"):
        source.unlink()


def libraries(binary: Path) -> list[Path]:
    """The shared libraries a binary loads, the dynamic loader included."""
    listing = subprocess.run(
        ["ldd", str(binary)], capture_output=True, text=True, check=False
    ).stdout
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", listing)]


def index_libraries(out: Path) -> None:
    """Let the image's dynamic loader find what lies outside its default folders."""
    (out / "etc").mkdir(exist_ok=True)
    (out / "etc/ld.so.conf").write_text("/usr/local/lib\n")
    subprocess.run(["ldconfig", "-r", str(out)], check=True)


def bundle(out: Path) -> None:
    """Write the file that start.py reads modules from, with the image's own interpreter.

    One seed for both commands: protobuf makes a pattern from a set, whose order is that of hashes.
    With another seed a build compiles that one itself.
    """
    tool = ("chroot", str(out), "/usr/local/bin/python3", *PYTHON_OPTIONS, "/app/bundle.pyc")
    for command in ("write", "check"):
        arguments = [*tool, command, "/bundle", *PACKAGES]
        subprocess.run(arguments, check=True, env={**os.environ, "PYTHONHASHSEED": "0"})
    (out / "app/bundle.pyc").unlink()


def strip(binary: Path) -> None:
    """Drop symbols where the tool is at hand; the image works without."""
    if shutil.which("strip"):
        subprocess.run(["strip", "--strip-unneeded", str(binary)], check=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
