"""The client's folders as LLB sources, and reading single files of them while planning.

Sharing keys: every filter set has its own, or the daemon would delete and send the same files in
turns (BuildKit, source/local).
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import buildkit_llb as llb
from cog_frontend.gateway import Bridge, Pending, Ref
from cog_frontend.options import Options
from cog_frontend.rpc import RpcError

CONFIG_SOURCE = "dockerfile"
CONTEXT_SOURCE = "context"

# A local source has no platform: any default gives its bytes.
_ANY_PLATFORM = llb.Platform(os="linux", architecture="amd64")

# How Go's os package names EISDIR; the daemon sends no other sign of it.
_IS_A_FOLDER = "is a directory"

IGNORE_FILE = ".dockerignore"

# What planning reads from most projects: asked for before the config is known.
LIKELY_FILES = (IGNORE_FILE, "*.py", "requirements*.txt", "pylock*.toml")


def definition(options: Options) -> llb.Definition:
    """The folder of the config; the built-in frontend asks for the same vertex, sent once."""
    source = llb.local(
        CONFIG_SOURCE,
        session_id=options.session_id,
        follow=(options.filename, f"{options.filename}.dockerignore"),
        shared_key_hint=CONFIG_SOURCE,
        differ="none",
        metadata=llb.Metadata(name=f"[internal] load build definition from {options.filename}"),
    )
    return llb.marshal(source, platform=_ANY_PLATFORM)


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


class ProjectFiles:
    """Reads files of the build context, each at most once.

    The likely ones come in one transfer that starts with the object; others are fetched as they
    are asked for. ``seen`` holds everything read, for showing errors.
    """

    def __init__(self, bridge: Bridge, options: Options) -> None:
        self._bridge = bridge
        self._options = options
        self._likely = self._solve(LIKELY_FILES)
        self._reading: dict[str, Pending[bytes | None]] = {}
        self._contents: dict[str, bytes | None] = {}

    @property
    def seen(self) -> dict[str, bytes]:
        """What was read, by path."""
        return {path: data for path, data in self._contents.items() if data is not None}

    def start(self, path: str) -> None:
        """Ask for a file that ``read`` will want: its content is on its way meanwhile."""
        path = posixpath.normpath(path)
        if path in self._reading:
            return
        likely = any(fnmatchcase(path, pattern) for pattern in LIKELY_FILES) and "/" not in path
        ref = (self._likely if likely else self._solve((path,))).result()
        self._reading[path] = (
            Pending(lambda: None)
            if ref is None
            else self._bridge.start_read_file_optional(ref, path)
        )

    def read(self, path: str) -> bytes | None:
        """Return the content of a file of the context, or None when there is no such file.

        A folder of that name is no file.
        """
        path = posixpath.normpath(path)
        if path not in self._contents:
            self.start(path)
            self._contents[path] = _unless_folder(self._reading[path])
        return self._contents[path]

    def _solve(self, follow: Sequence[str]) -> Pending[Ref | None]:
        source = files_source(self._options, follow)
        return self._bridge.start_solve(llb.marshal(source, platform=_ANY_PLATFORM))


def _unless_folder(content: Pending[bytes | None]) -> bytes | None:
    try:
        return content.result()
    except RpcError as error:
        if _IS_A_FOLDER in error.message:
            return None
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A project whose first files are on their way: the config and what it ignores."""

    config: Pending[bytes | None]
    own_ignore: Pending[bytes | None]
    files: ProjectFiles

    def ignore(self) -> bytes | None:
        """Return the ignore file that goes with the config: its own, else the context's."""
        own = self.own_ignore.result()
        return self.files.read(IGNORE_FILE) if own is None else own


def open_project(bridge: Bridge, options: Options) -> Opened:
    """Ask for what every build reads; the client sends it while the caller goes on."""
    solving = bridge.start_solve(definition(options))
    files = ProjectFiles(bridge, options)
    ref = solving.result()
    assert ref is not None  # the definition is a source, not scratch
    opened = Opened(
        config=bridge.start_read_file_optional(ref, options.filename),
        own_ignore=bridge.start_read_file_optional(ref, f"{options.filename}.dockerignore"),
        files=files,
    )
    files.start(IGNORE_FILE)
    return opened
