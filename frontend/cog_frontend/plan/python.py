"""The layer of the Python environment that packages are installed into."""

from __future__ import annotations

from cog_frontend.errors import Span
from cog_frontend.plan import layout
from cog_frontend.plan.model import Base, Exec, File, Layer, Write

VENV = "python"

# `pip` of the base image, working on the venv: the base's own script would install beside it.
_PIP = f"""\
#!{layout.PYTHON}
import sys

from pip._internal.cli.main import main

sys.exit(main())
"""


# An image of the project's own may have any Python, and the layers are made for one.
_CHECK = """\
import sys

wanted, image = sys.argv[1:]
found = f"{sys.version_info.major}.{sys.version_info.minor}"
if found != wanted:
    sys.exit(f"{image} has Python {found}, and build.python_version is {wanted}: change one")
"""


def venv_layer(base: Base, span: Span | None) -> Layer:
    """A venv that sees the base image's packages, with the SDK on its path.

    ``span`` is where the config chose the Python. A base of the project's own is asked first
    whether it has that one.
    """
    check = Exec(
        args=("python3", "-I", "-B", "-c", _CHECK, base.python, base.ref),
        title=f"[python] see that the base image has Python {base.python}",
        span=base.span,
    )
    python = base.python
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
    add = Write(files=files, title="[python] add pip and cog")
    return Layer(name=VENV, steps=(check, make, add) if base.is_own else (make, add))
