"""How uv runs in a build."""

from __future__ import annotations

Env = tuple[tuple[str, str], ...]

CACHE = "/root/.cache/uv"
# The cache mount is another filesystem: uv would warn that it cannot link from it.
# Hash-based bytecode has no time in it, so equal packages give equal layers.
_SETTINGS = (
    ("UV_LINK_MODE", "copy"),
    ("UV_NO_PROGRESS", "1"),
    ("UV_PYTHON_DOWNLOADS", "never"),
    ("UV_PREVIEW_FEATURES", "pylock"),
    ("PYC_INVALIDATION_MODE", "CHECKED_HASH"),
)
# What pip reads from the environment, under uv's names: Cog installs with pip.
_PIP_NAMES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
}


def environment(env: Env) -> Env:
    """Return what uv runs with: our settings, then the user's, pip's names of them as uv's."""
    return (
        *_SETTINGS,
        *((_PIP_NAMES[name], value) for name, value in env if name in _PIP_NAMES),
        *env,
    )
