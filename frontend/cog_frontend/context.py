"""What a build reads: the config and the project, from the client's folders or from elsewhere.

Sharing keys: every filter set has its own, or the daemon would delete and send the same files in
turns (BuildKit, source/local).
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import buildkit_llb as llb
from cog_frontend.errors import FrontendError
from cog_frontend.gateway import Bridge, Pending, Ref
from cog_frontend.options import Options
from cog_frontend.rpc import RpcError

# Names under which a client or another frontend hands in whole trees.
INPUT_CONFIG = "dockerfile"
INPUT_CONTEXT = "context"

# A local source has no platform: any default gives its bytes.
_ANY_PLATFORM = llb.Platform(os="linux", architecture="amd64")

# How Go's os package names EISDIR; the daemon sends no other sign of it.
_IS_A_FOLDER = "is a directory"

IGNORE_FILE = ".dockerignore"

# What planning reads from most projects: asked for before the config is known.
LIKELY_FILES = (IGNORE_FILE, "*.py", "requirements*.txt", "pylock*.toml")

_CONTEXT_ROW = "[internal] load build context"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the config and the project are: a tree, or (None) a folder of the client.

    ``filename`` is the config's path in its source.
    """

    options: Options
    filename: str
    config_tree: llb.State | None = None
    project_tree: llb.State | None = None

    def config(self) -> llb.State:
        """The folder of the config; the built-in frontend asks for the same vertex, sent once."""
        if self.config_tree is not None:
            return self.config_tree
        name = self.options.config_name
        return llb.local(
            name,
            session_id=self.options.session(name),
            follow=(self.filename, f"{self.filename}.dockerignore"),
            shared_key_hint=name,
            differ="none",
            metadata=llb.Metadata(name=f"[internal] load build definition from {self.filename}"),
        )

    def project(self, exclude: Sequence[str]) -> llb.State:
        """The whole build context but what is ignored."""
        if self.project_tree is not None:
            action = llb.copy(self.project_tree, "/", "/", contents_only=True, exclude=exclude)
            return llb.scratch().file(action, metadata=llb.Metadata(name=_CONTEXT_ROW))
        name = self.options.context_name
        return llb.local(
            name,
            session_id=self.options.session(name),
            exclude=exclude,
            shared_key_hint=name,
            metadata=llb.Metadata(name=_CONTEXT_ROW),
        )

    def listing(self, exclude: Sequence[str]) -> llb.State | None:
        """The names and sizes of the build context, sent without content; None: it is a tree."""
        if self.project_tree is not None:
            return None
        name = self.options.context_name
        return llb.local(
            name,
            session_id=self.options.session(name),
            exclude=exclude,
            shared_key_hint="cogkit listing",
            metadata_only=True,
            metadata=llb.Metadata(name="[internal] list the build context"),
        )

    def files(self, follow: Sequence[str]) -> llb.State:
        """Single files of the build context, by path or pattern, whatever is ignored."""
        if self.project_tree is not None:
            return self.project_tree
        name = self.options.context_name
        return llb.local(
            name,
            session_id=self.options.session(name),
            follow=follow,
            shared_key_hint=f"cogkit {' '.join(follow)}",
            differ="none",
            metadata=llb.Metadata(name="[internal] load files that decide the build"),
        )


def find_sources(bridge: Bridge, options: Options, inputs: Mapping[str, llb.Definition]) -> Sources:
    """Return where a build's files come from; asks the daemon only about files of the web.

    Order, as BuildKit's frontend/dockerui/context.go has it: a URL as the build context, then what
    the client handed in, then its folders. A config that was named apart is read from its folder.
    Raises ``OptionError``.
    """
    local = Sources(options=options, filename=options.filename)
    if options.context:
        from cog_frontend.remote_context import remote_sources  # noqa: PLC0415 - few builds

        found = remote_sources(bridge, local)
    elif inputs:
        found = replace(
            local,
            config_tree=_loaded(inputs.get(INPUT_CONFIG)),
            project_tree=_loaded(inputs.get(INPUT_CONTEXT)),
        )
    else:
        return local
    if options.is_config_local:
        found = replace(found, config_tree=None, filename=options.filename)
    if options.context_subdir and found.project_tree is not None:
        found = replace(found, project_tree=subfolder(found.project_tree, options.context_subdir))
    return found


def subfolder(tree: llb.State, path: str) -> llb.State:
    """Return a folder of a tree as a tree of its own."""
    action = llb.copy(tree, f"/{path.strip('/')}", "/", contents_only=True)
    metadata = llb.Metadata(name=f"[internal] take {path} of the context")
    return llb.scratch().file(action, metadata=metadata)


def _loaded(definition: llb.Definition | None) -> llb.State | None:
    try:
        return None if definition is None else llb.load(definition)
    except llb.LLBError as error:
        raise FrontendError(f"what the client handed in cannot be used: {error}") from error


class ProjectFiles:
    """Reads files of the build context, each at most once.

    The likely ones come in one transfer that starts with the object; others are fetched as they
    are asked for. ``seen`` holds everything read, for showing errors.
    """

    def __init__(self, bridge: Bridge, sources: Sources) -> None:
        self._bridge = bridge
        self._sources = sources
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
        return self._bridge.start_solve(marshalled(self._sources.files(follow)))


def _unless_folder(content: Pending[bytes | None]) -> bytes | None:
    try:
        return content.result()
    except RpcError as error:
        if _IS_A_FOLDER in error.message:
            return None
        raise


def marshalled(source: llb.State) -> llb.Definition:
    """Return the definition of a source that is the same on every platform."""
    return llb.marshal(source, platform=_ANY_PLATFORM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A project whose first files are on their way: the config and what it ignores.

    ``definition`` is the source of the config, which warnings are shown at.
    """

    sources: Sources
    definition: llb.Definition
    config: Pending[bytes | None]
    own_ignore: Pending[bytes | None]
    files: ProjectFiles

    def ignore(self) -> tuple[str, bytes | None]:
        """Return the ignore file that goes with the config: its own, else the context's."""
        own = self.own_ignore.result()
        if own is not None:
            return f"{self.sources.filename}{IGNORE_FILE}", own
        return IGNORE_FILE, self.files.read(IGNORE_FILE)


def open_project(bridge: Bridge, options: Options) -> Opened:
    """Ask for what every build reads; the client sends it while the caller goes on."""
    sources = find_sources(bridge, options, bridge.inputs())
    definition = marshalled(sources.config())
    solving = bridge.start_solve(definition)
    files = ProjectFiles(bridge, sources)
    ref = solving.result()
    if ref is None:
        raise FrontendError("the config was handed in as an empty folder")
    opened = Opened(
        sources=sources,
        definition=definition,
        config=bridge.start_read_file_optional(ref, sources.filename),
        own_ignore=bridge.start_read_file_optional(ref, f"{sources.filename}.dockerignore"),
        files=files,
    )
    files.start(IGNORE_FILE)
    return opened
