"""What an image's config says of the environment that its commands run in.

Rules: ``WithImageConfig`` in BuildKit's client/llb/state.go; fields: OCI image-spec, config.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from buildkit_llb._errors import LLBError, check_text, check_texts
from buildkit_llb._platform import Platform


class Settings(NamedTuple):
    """The part of an image's config that a state holds; empty is "not said"."""

    env: tuple[tuple[str, str], ...]
    cwd: str
    user: str
    platform: Platform | None


def read_config(config: Mapping[str, object]) -> Settings:
    """Read ``config``, an image config as parsed JSON. Raises LLBError for another shape."""
    inner = config.get("config") or {}
    if not isinstance(inner, Mapping):
        raise LLBError(f"image config holds no object at 'config': {inner!r}")
    env = check_texts("Env of the image config", inner.get("Env") or ())
    pairs = (line.partition("=") for line in env)
    return Settings(
        env=tuple((name, value) for name, _, value in pairs if name),
        cwd=_text(inner, "WorkingDir"),
        user=_text(inner, "User"),
        platform=_platform(config),
    )


def _platform(config: Mapping[str, object]) -> Platform | None:
    os, architecture = _text(config, "os"), _text(config, "architecture")
    if not os or not architecture:
        return None
    return Platform(
        os=os,
        architecture=architecture,
        variant=_text(config, "variant"),
        os_version=_text(config, "os.version"),
        os_features=check_texts("os.features of the image config", config.get("os.features") or ()),
    )


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key) or ""
    check_text(f"{key} of the image config", value, empty=True)
    return str(value)
