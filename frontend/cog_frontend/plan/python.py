"""The layer of the Python environment that packages are installed into."""

from __future__ import annotations

from cog_frontend.errors import Span
from cog_frontend.plan import layout
from cog_frontend.plan.model import Exec, File, Layer, Write

VENV = "python"

# `pip` of the base image, working on the venv: the base's own script would install beside it.
_PIP = f"""\
#!{layout.PYTHON}
import sys

from pip._internal.cli.main import main

sys.exit(main())
"""


def venv_layer(python: str, span: Span | None) -> Layer:
    """A venv that sees the base image's packages, with the SDK on its path.

    ``python`` is a minor version such as ``3.12``, ``span`` where the config chose it.
    """
    make = Exec(
        args=(
            *("python3", "-I", "-B", "-m", "venv", "--without-pip"),
            *("--system-site-packages", layout.VENV),
        ),
        title=f"[python] create a Python {python} environment",
        span=span,
    )
    pth = f"{layout.site_packages(python)}/cogkit.pth"
    files = (
        File(path=f"{layout.VENV_BIN}/pip", data=_PIP.encode(), mode=0o755),
        File(path=pth, data=f"{layout.RUNTIME_PACKAGES}\n".encode()),
    )
    return Layer(name=VENV, steps=(make, Write(files=files, title="[python] add pip and cog")))
