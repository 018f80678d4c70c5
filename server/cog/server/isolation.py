"""Where the HTTP process's own dependencies come from, and starting it so that only they count.

In an image the runtime lies in one folder: ``lib`` (the package ``cog``), ``deps`` (Litestar,
Granian and the like, for this process only) and ``serve.py``. The process must run as
``python -I -S serve.py``: ``-I`` keeps the user's folder and ``PYTHONPATH`` off the import path,
``-S`` the packages of the user's environment. A development checkout has no such folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def isolated_command(
    module_file: str, executable: str, flags: Sequence[str], *, isolated: bool
) -> list[str] | None:
    """Return the command to become, None where the process is as it should be.

    ``module_file`` is the file of `cog.server.http`, ``flags`` what follows the program's name,
    ``isolated`` whether both ``-I`` and ``-S`` are in force.
    """
    script = Path(module_file).resolve().parents[3] / "serve.py"
    if isolated or not (script.is_file() and (script.parent / "deps").is_dir()):
        return None
    return [executable, "-I", "-S", str(script), *flags]
