"""The layers of the Python environment: the venv and the packages in it."""

from __future__ import annotations

from cog_frontend.errors import Span
from cog_frontend.plan import layout
from cog_frontend.plan.model import Bind, Cache, Exec, File, Files, Layer, Write
from cog_frontend.plan.requirements import Requirements

VENV = "python"
PACKAGES = "packages"

# `pip` of the base image, working on the venv: the base's own script would install beside it.
_PIP = f"""\
#!{layout.PYTHON}
import sys

from pip._internal.cli.main import main

sys.exit(main())
"""


def venv_layer(python: str) -> Layer:
    """A venv that sees the base image's packages, with the SDK on its path.

    ``python`` is a minor version such as ``3.12``.
    """
    make = Exec(
        args=(
            *("python3", "-I", "-m", "venv", "--without-pip"),
            *("--system-site-packages", layout.VENV),
        ),
        title=f"[python] create a Python {python} environment",
    )
    pth = f"{layout.site_packages(python)}/cogkit.pth"
    files = (
        File(path=f"{layout.VENV_BIN}/pip", data=_PIP.encode(), mode=0o755),
        File(path=pth, data=f"{layout.RUNTIME_PACKAGES}\n".encode()),
    )
    return Layer(name=VENV, steps=(make, Write(files=files, title="[python] add pip and cog")))


def packages_layer(
    requirements: Requirements,
    span: Span,
    *,
    needs: tuple[str, ...],
    env: tuple[tuple[str, str], ...],
) -> Layer | None:
    """The layer that installs the project's requirements; None when there are none."""
    if requirements.is_empty:
        return None
    leading = requirements.files[0].path
    files = tuple(File(path=file.path, data=file.data) for file in requirements.files)
    install = Exec(
        args=(
            *(layout.BUILD_UV, "pip", "install", "--python", layout.PYTHON),
            *("--compile-bytecode", "--requirement", leading),
        ),
        title=f"[packages] uv pip install -r {leading}",
        span=span,
        path=(layout.VENV_BIN,),
        cwd=layout.BUILD_REQUIREMENTS,
        mounts=(
            Bind(target=layout.BUILD_UV, path=layout.TOOLBOX_UV),
            Files(target=layout.BUILD_REQUIREMENTS, files=files, project=requirements.artifacts),
            Cache(target="/root/.cache/uv", id="cogkit/uv"),
        ),
        # The cache mount is another filesystem: uv would warn that it cannot link from it.
        # Hash-based bytecode has no time in it, so equal packages give equal layers.
        env=(
            ("UV_LINK_MODE", "copy"),
            ("UV_NO_PROGRESS", "1"),
            ("UV_PYTHON_DOWNLOADS", "never"),
            ("PYC_INVALIDATION_MODE", "CHECKED_HASH"),
            *env,
        ),
    )
    return Layer(name=PACKAGES, steps=(install,), needs=needs)
