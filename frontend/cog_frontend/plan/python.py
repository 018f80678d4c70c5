"""The layers of the Python environment: the venv and the packages in it."""

from __future__ import annotations

from cog_frontend.errors import Span
from cog_frontend.plan import layout
from cog_frontend.plan.model import Bind, Cache, Exec, File, Files, Layer, Write
from cog_frontend.plan.requirements import OWN_PACKAGES, PACKAGES_FILE, Requirements

VENV = "python"
PACKAGES = "packages"

# The cache mount is another filesystem: uv would warn that it cannot link from it.
# Hash-based bytecode has no time in it, so equal packages give equal layers.
_UV_ENV = (
    ("UV_LINK_MODE", "copy"),
    ("UV_NO_PROGRESS", "1"),
    ("UV_PYTHON_DOWNLOADS", "never"),
    ("PYC_INVALIDATION_MODE", "CHECKED_HASH"),
)
# What pip reads from the environment, under uv's names: Cog installs with pip.
_UV_NAMES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
}
# Packages that no other may bring either: the image's own SDK is the only one.
_EXCLUDED = ".cogkit/excluded.txt"
_TITLE_PACKAGES = 5

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
            *("python3", "-I", "-m", "venv", "--without-pip"),
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
    files = [File(path=file.path, data=file.data) for file in requirements.files]
    files.append(File(path=_EXCLUDED, data="".join(f"{name}\n" for name in OWN_PACKAGES).encode()))
    install = Exec(
        args=_install(requirements),
        title=f"[packages] uv pip install {_shown(requirements)}",
        span=span,
        path=(layout.VENV_BIN,),
        cwd=layout.BUILD_REQUIREMENTS,
        mounts=(
            Bind(target=layout.BUILD_UV, path=layout.TOOLBOX_UV),
            Files(
                target=layout.BUILD_REQUIREMENTS,
                files=tuple(files),
                project=requirements.artifacts,
            ),
            Cache(target="/root/.cache/uv", id="cogkit/uv"),
        ),
        env=(
            *_UV_ENV,
            *((_UV_NAMES[name], value) for name, value in env if name in _UV_NAMES),
            *env,
        ),
    )
    return Layer(name=PACKAGES, steps=(install,), needs=needs)


def _install(requirements: Requirements) -> tuple[str, ...]:
    return (
        *(layout.BUILD_UV, "pip", "install", "--python", layout.PYTHON, "--compile-bytecode"),
        *("--excludes", _EXCLUDED),
        *(*requirements.options, f"--requirement={requirements.files[0].path}"),
    )


def _shown(requirements: Requirements) -> str:
    """What is installed, in a few words."""
    leading = requirements.files[0]
    if leading.path != PACKAGES_FILE:
        return f"-r {leading.path}"
    entries = leading.data.decode().splitlines()
    more = " ..." if len(entries) > _TITLE_PACKAGES else ""
    return " ".join(entries[:_TITLE_PACKAGES]) + more
