"""The image config: the base image's settings and what the plan adds. OCI image-spec config.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from buildkit_llb import Platform
from cog_frontend.plan.model import ImageSettings

# What a base image without any settings runs with (BuildKit's default for scratch).
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def image_config(
    base: bytes, settings: ImageSettings, platform: Platform, labels: Mapping[str, str]
) -> bytes:
    """Return the OCI config as JSON; ``base`` is the base image's config (empty: none).

    ``labels`` are the caller's and win over the plan's. ``rootfs`` and the history of new layers
    are filled in by the exporter, so only the base's history is passed on; the time of creation is
    the exporter's to set.
    """
    given = json.loads(base) if base else {}
    document = {key: value for key, value in given.items() if key in _KEPT}
    document |= {
        "architecture": platform.architecture,
        "os": platform.os,
        "config": _runtime(base, given.get("config") or {}, settings, labels),
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    if platform.variant:
        document["variant"] = platform.variant
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _runtime(
    base: bytes,
    given: Mapping[str, Any],
    settings: ImageSettings,
    labels: Mapping[str, str],
) -> dict[str, object]:
    env = image_env(base_env(base), settings)
    return {
        **{key: value for key, value in given.items() if key not in _DROPPED},
        "Env": [f"{name}={value}" for name, value in env.items()],
        "Entrypoint": list(settings.entrypoint),
        "Cmd": list(settings.command),
        "WorkingDir": settings.workdir,
        **({"User": settings.user} if settings.user else {}),
        "ExposedPorts": {port: {} for port in settings.ports},
        "Labels": {**(given.get("Labels") or {}), **dict(settings.labels), **labels},
    }


_LIBRARY_PATH = "LD_LIBRARY_PATH"
# Of the base itself; the rest is its history with its builder (image-spec v1, before OCI).
_KEPT = frozenset({"author", "variant", "os.version", "os.features", "history"})
# Settings of the base's own program, which is not what this image runs.
_DROPPED = frozenset({"Healthcheck", "OnBuild", "ArgsEscaped", "Image"})


def base_labels(pinned: str) -> dict[str, str]:
    """The base as OCI's annotations name it (image-spec annotations.md)."""
    name, _, digest = pinned.partition("@")
    named = {"org.opencontainers.image.base.name": name}
    return named | ({"org.opencontainers.image.base.digest": digest} if digest else {})


def base_env(base: bytes) -> dict[str, str]:
    """The environment of an image config, in its order; with a PATH in any case."""
    runtime = (json.loads(base).get("config") or {}) if base else {}
    pairs = (entry.partition("=") for entry in runtime.get("Env") or [])
    return {"PATH": DEFAULT_PATH} | {name: value for name, _, value in pairs}


def image_env(base: Mapping[str, str], settings: ImageSettings) -> dict[str, str]:
    """The base's environment, then the plan's, with the plan's folders first on its paths."""
    path = ":".join((*settings.path, base.get("PATH", DEFAULT_PATH)))
    added = {"PATH": path}
    if settings.libraries:
        folders = (*settings.libraries, *filter(None, [base.get(_LIBRARY_PATH)]))
        added[_LIBRARY_PATH] = ":".join(folders)
    return {**base, **added, **dict(settings.env)}
