"""The client's folders as LLB sources, and reading single files of them while planning.

Sharing keys: every filter set has its own, or the daemon would delete and send the same files in
turns (BuildKit, source/local).
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import buildkit_llb as llb
from cog_frontend.gateway import Bridge, Pending, Ref
from cog_frontend.options import Options

CONFIG_SOURCE = "dockerfile"
CONTEXT_SOURCE = "context"

_ANY_PLATFORM = llb.Platform(os="linux", architecture="amd64")

# What planning reads from most projects: asked for before the config is known.
LIKELY_FILES = (".dockerignore", "*.py", "requirements*.txt")


def definition_source(options: Options) -> llb.State:
    """The folder of the config; the built-in frontend asks for the same vertex, sent once."""
    return llb.local(
        CONFIG_SOURCE,
        session_id=options.session_id,
        follow=(options.filename, f"{options.filename}.dockerignore"),
        shared_key_hint=CONFIG_SOURCE,
        differ="none",
        metadata=llb.Metadata(name=f"[internal] load build definition from {options.filename}"),
    )


def project_source(options: Options, exclude: Sequence[str]) -> llb.State:
    """The whole build context but what is ignored."""
    return llb.local(
        CONTEXT_SOURCE,
        session_id=options.session_id,
        exclude=exclude,
        shared_key_hint=CONTEXT_SOURCE,
        metadata=llb.Metadata(name="[internal] load build context"),
    )


def files_source(options: Options, follow: Sequence[str]) -> llb.State:
    """Single files of the build context, by path or pattern."""
    return llb.local(
        CONTEXT_SOURCE,
        session_id=options.session_id,
        follow=follow,
        shared_key_hint=f"cogkit {' '.join(follow)}",
        differ="none",
        metadata=llb.Metadata(name="[internal] load files that decide the build"),
    )


def start(bridge: Bridge, source: llb.State) -> Pending[Ref | None]:
    """Ask for a source by itself. A local source has no platform: any default gives its bytes."""
    return bridge.start_solve(llb.marshal(source, platform=_ANY_PLATFORM))


class ProjectFiles:
    """Reads files of the build context, each at most once.

    The likely ones come in one transfer that starts with the object; others are fetched as they
    are asked for. ``seen`` holds everything read, for showing errors.
    """

    def __init__(self, bridge: Bridge, options: Options) -> None:
        self._bridge = bridge
        self._options = options
        self._likely = self._start(LIKELY_FILES)
        self._contents: dict[str, bytes | None] = {}

    @property
    def seen(self) -> dict[str, bytes]:
        """What was read, by path."""
        return {path: data for path, data in self._contents.items() if data is not None}

    def read(self, path: str) -> bytes | None:
        """Return the content of a file of the context, or None when there is no such file."""
        if path not in self._contents:
            self._contents[path] = self._fetch(path)
        return self._contents[path]

    def _fetch(self, path: str) -> bytes | None:
        likely = any(fnmatchcase(path, pattern) for pattern in LIKELY_FILES) and "/" not in path
        ref = (self._likely if likely else self._start((path,))).result()
        return None if ref is None else self._bridge.read_file_optional(ref, path)

    def _start(self, follow: Sequence[str]) -> Pending[Ref | None]:
        return start(self._bridge, files_source(self._options, follow))
