"""Build arguments that were passed and change nothing: a person should hear of them.

Names: BuildKit's frontend/dockerui/config.go, client/llb/state.go (proxies) and docs of the
built-in frontend; each name here is read somewhere in this package, or by the daemon or client.
"""

from __future__ import annotations

import difflib

from cog_frontend.certificates import ARG_CERTIFICATES
from cog_frontend.compression import ARG_COMPRESSION
from cog_frontend.options import (
    ARG_CACHE_NAMESPACE,
    ARG_CHECK,
    ARG_EPOCH,
    ARG_HUB,
    ARG_KEEP_GIT_DIR,
    ARG_MULTI_PLATFORM,
    ARG_SEPARATE,
    ARG_TOOLBOX,
    Options,
)
from cog_frontend.plan import ARG_UPGRADE
from cog_frontend.sandbox import ARG_HOSTNAME, PROXIES

_PROXIES = tuple(f"{name}_proxy" for name in PROXIES)
# What each one does, in a phrase; the proxies have none of their own.
BUILD_ARGS = {
    ARG_CACHE_NAMESPACE: "a prefix for the ids of cache mounts",
    ARG_CERTIFICATES: "certificates of authorities to trust",
    ARG_CHECK: "which rules are left out, and whether a build fails by them",
    ARG_COMPRESSION: "the compression that the client was told to use",
    ARG_EPOCH: "the time of the image, in seconds since 1970",
    ARG_HOSTNAME: "the host name that commands see",
    ARG_KEEP_GIT_DIR: "whether .git of the project is kept",
    ARG_MULTI_PLATFORM: "whether there is a result per platform although there is one",
    ARG_HUB: "the hub that hf:// weights come from",
    ARG_SEPARATE: "whether weights have layers of their own",
    ARG_TOOLBOX: "the toolbox image to use",
    ARG_UPGRADE: "packages whose versions may move in a new lock",
}
_TRACE = "COGKIT_TRACE"
# The client or the daemon acts on these before or after the frontend.
_BY_OTHERS = (
    "BUILDKIT_ATTEST_PROVENANCE",
    "BUILDKIT_ATTEST_SBOM",
    "BUILDKIT_BUILD_NAME",
    "BUILDKIT_INLINE_CACHE",
    "BUILDKIT_SYNTAX",
)
# The built-in frontend hands stages and the context to the SBOM scanner; here it sees the image.
_WITHOUT_EFFECT = ("BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE")
_KNOWN = (*BUILD_ARGS, _TRACE, *_BY_OTHERS, *_PROXIES, *(name.upper() for name in _PROXIES))


def without_effect(options: Options) -> tuple[str, ...]:
    """Return a warning for each build argument that changes nothing."""
    names = (name for name, _ in options.build_args if name not in _KNOWN)
    return tuple(map(_warning, names))


def _warning(name: str) -> str:
    if name in _WITHOUT_EFFECT:
        return f"build argument {name} has no effect: the scanner sees the whole image"
    close = difflib.get_close_matches(name.upper(), _KNOWN, n=1)
    advice = f"did you mean {close[0]!r}?" if close else "set `environment` in cog.yaml"
    return f"build argument {name} has no effect ({advice})"
