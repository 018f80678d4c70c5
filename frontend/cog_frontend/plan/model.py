"""What will be built, as plain frozen values: no BuildKit, no files, printable as JSON."""

from __future__ import annotations

from dataclasses import dataclass

from cog_frontend.errors import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A ``path`` of an image (the toolbox, or that of a name), readable while a command runs."""

    target: str
    path: str
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTree:
    """What another layer itself holds, readable at ``target`` while a command runs."""

    target: str
    layer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file with its bytes: mounted or written by a step."""

    path: str
    data: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleFile:
    """A file that stands at ``target`` while a command runs, hiding what is there."""

    target: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files of the plan and of the project, readable under ``target`` while a command runs.

    ``project`` are paths in the build context; both kinds keep their relative path. ``writable``:
    the command may write there too, and nobody sees that.
    """

    target: str
    files: tuple[File, ...]
    project: tuple[str, ...] = ()
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """A cache mount: kept by the builder, never part of the image.

    ``locked``: one user a time. ``per_base``: only for builds on the same base image.
    """

    target: str
    id: str
    locked: bool = False
    per_base: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file of the internet, fetched by the builder and readable at ``target``.

    ``checksum`` is ``sha256:...``: a file that the builder or a cache has is not asked for again.
    """

    target: str
    url: str
    checksum: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A build secret, readable at ``target`` while a command runs; ``optional``: if given."""

    target: str
    id: str
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """An SSH agent of the client; a command finds its first one in SSH_AUTH_SOCK."""

    id: str


Mount = Bind | LayerTree | SingleFile | Files | Cache | Download | Secret | Ssh


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec:
    """Runs ``args``; ``title`` is the row a person sees, ``span`` the lines of cog.yaml.

    ``env`` is added to the base image's environment, ``path`` are folders put first on its PATH.
    """

    args: tuple[str, ...]
    title: str
    span: Span | None = None
    mounts: tuple[Mount, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ()
    cwd: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Copies the content of ``path`` in a source to ``dest``.

    ``source`` is ``toolbox``, ``project``, ``weights`` or one of the plan's images. A ``path`` with
    a star in it names files, which are copied into ``dest``. ``include`` and ``exclude`` are
    patterns of what to take, as in a .dockerignore; no ``include``: all of it. ``time`` is what the
    copies and the folders above them get, in seconds since 1970; None: a file keeps its own.
    """

    source: str
    path: str
    dest: str
    title: str
    span: Span | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    time: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A file of the web: with its ``checksum`` (``sha256:...``) it is fetched only where it is new.

    ``path`` is where it goes, ``size`` is in bytes (0: not known).
    """

    url: str
    checksum: str
    path: str
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Downloads files to their paths; ``time`` is as for a copy."""

    files: tuple[Remote, ...]
    title: str
    span: Span | None = None
    time: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """An empty folder and whose it is, by numbers."""

    path: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Writes files, making their folders, and makes ``folders``."""

    title: str
    files: tuple[File, ...] = ()
    folders: tuple[Folder, ...] = ()
    span: Span | None = None


Step = Exec | Copy | Fetch | Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Steps whose result is one layer of the image.

    A layer with an ``Exec`` starts from the base and the layers it ``needs``; one without starts
    empty. Layers that do not need each other are built at the same time. ``made`` is an empty
    folder for the command of the layer: what it leaves there is the layer, and nothing else. One
    that is not ``kept`` is only stood on.
    """

    name: str
    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ()
    made: str = ""
    kept: bool = True

    @property
    def executes(self) -> bool:
        """Whether a command runs in this layer."""
        return any(isinstance(step, Exec) for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Something that was decided for the project, and why.

    ``file`` and ``span`` are the lines it follows from; empty: the config, or none of them.
    """

    topic: str
    value: str
    reason: str
    file: str = ""
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The image everything stands on; ``python`` is its minor version.

    ``is_own``: the project names it, and it may be of any kind. ``setup`` is done to it before
    anything else; ``env`` is then part of its environment.
    """

    ref: str
    python: str
    span: Span | None = None
    is_own: bool = False
    setup: tuple[Step, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """Another image that steps take files from, by ``name``."""

    name: str
    ref: str
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """How the image runs: what is added to the base image's own settings.

    ``path`` and ``libraries`` are folders put first on its PATH and its loader's path. ``user`` is
    a name or number, with a group after a colon; empty: as in the base.
    """

    env: tuple[tuple[str, str], ...]
    path: tuple[str, ...]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    workdir: str
    ports: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    libraries: tuple[str, ...] = ()
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole build. ``layers`` stand in order of volatility: what changes least comes first."""

    base: Base
    layers: tuple[Layer, ...]
    image: ImageSettings
    images: tuple[Image, ...] = ()
    decisions: tuple[Decision, ...] = ()

    def layer(self, name: str) -> Layer:
        """Return the layer of that name; ``KeyError`` when there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    @property
    def project_files(self) -> tuple[str, ...]:
        """Single files of the project that commands need while they run."""
        steps = (step for layer in self.layers for step in layer.steps if isinstance(step, Exec))
        mounts = (mount for step in steps for mount in step.mounts if isinstance(mount, Files))
        return tuple(sorted({path for mount in mounts for path in mount.project}))

    def stage(self, name: str) -> tuple[Layer, ...]:
        """The layers of one stage: that of the name, and those of ``name/...``."""
        return tuple(each for each in self.layers if each.name.partition("/")[0] == name)

    def needed_by(self, layer: Layer) -> tuple[Layer, ...]:
        """The layers a layer stands on, those they stand on included, in the plan's order."""
        wanted = set(layer.needs)
        for other in reversed(self.layers):
            if other.name in wanted:
                wanted.update(other.needs)
        return tuple(other for other in self.layers if other.name in wanted)
