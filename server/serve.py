"""Starts the HTTP process of a model image: ``python -I -S /opt/cog/serve.py``.

Lies beside ``lib`` (the package ``cog``) and ``deps`` (what only this process imports). A script,
because ``python -m`` puts the user's folder first on the import path and the flag against that
exists only from Python 3.11.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "lib"), str(HERE / "deps")]

from cog.server.http import main  # noqa: E402 # the path has to be set before

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
