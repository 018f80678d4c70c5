"""Plan -> LLB graph.

Layers that do not need each other are branches. With MergeOp they meet in one flat merge; without
it the same layers become a chain in the plan's order: same content, less parallel.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from buildkit_llb import (
    Exec,
    FileAction,
    Location,
    Metadata,
    Mount,
    Owner,
    Position,
    Range,
    Sharing,
    SourceInfo,
    State,
    bind,
    cache,
    copy,
    diff,
    http,
    merge,
    mkdir,
    mkfile,
    scratch,
    secret,
    ssh,
)
from cog_frontend.errors import Span
from cog_frontend.image import DEFAULT_PATH
from cog_frontend.plan import model
from cog_frontend.sandbox import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a plan is built from and how: the states and choices that are not in the plan.

    ``base`` carries the base image's environment; ``project`` is the whole build context and
    ``inputs`` a narrow view of it for single files; ``images`` are the plan's other images by
    name; ``source`` is the config file for locations;
    ``base_key`` tells base images apart.
    """

    base: State
    toolbox: State
    project: State
    inputs: State
    source: SourceInfo
    can_merge: bool
    sandbox: Sandbox
    images: Mapping[str, State] = field(default_factory=dict)
    no_cache: bool = False
    no_cache_layers: frozenset[str] = frozenset()
    cache_namespace: str = ""
    base_key: str = ""
    prefix: str = ""


def convert(plan: model.Plan, around: Surroundings) -> State:
    """Return the image's filesystem as a graph."""
    return _Converter(plan, _prepared(plan, around)).image()


def convert_layer(plan: model.Plan, around: Surroundings, name: str) -> State:
    """Return one layer's own tree; a layer that changes what it stands on, with all of that."""
    return _Converter(plan, _prepared(plan, around)).built(plan.layer(name))


def convert_ahead(plan: model.Plan, around: Surroundings, names: Collection[str]) -> list[State]:
    """Return what the commands of these layers can run for before the rest of a plan is known.

    Where layers are a chain, a command runs as the image's own only on all that is below it.
    """
    converter = _Converter(plan, _prepared(plan, around))
    wanted = [layer for layer in plan.layers if layer.executes and layer.name in names]
    if around.can_merge or not wanted:
        return [converter.built(layer) for layer in wanted]
    return [converter.chain(wanted[-1].name)]


def _prepared(plan: model.Plan, around: Surroundings) -> Surroundings:
    """The same surroundings on a base that everything the plan does to it has been done to."""
    return replace(around, base=_Converter(plan, around).base())


@dataclass
class _Converter:
    plan: model.Plan
    around: Surroundings
    _built: dict[str, State] = field(default_factory=dict)
    _starts: dict[str, State] = field(default_factory=dict)

    def image(self) -> State:
        if self.around.can_merge:
            layers = tuple(layer for layer in self.plan.layers if layer.kept)
            return self._merged(layers, "[image] join the layers")
        return self.chain(self.plan.layers[-1].name)

    def chain(self, top: str) -> State:
        """The layers of the image one on the other, up to one of them."""
        # What a command in the chain stands on is in the chain.
        in_place = (
            layer for layer in self.plan.layers if layer.kept and layer.executes and not layer.made
        )
        needed = {name for layer in in_place for name in layer.needs}
        below = self.plan.layers[: self.plan.layers.index(self.plan.layer(top)) + 1]
        return self._stacked(tuple(layer for layer in below if layer.kept or layer.name in needed))

    def built(self, layer: model.Layer) -> State:
        """What the steps of a layer end with."""
        if layer.name not in self._built:
            self._built[layer.name] = self._apply(layer, self._start(layer))
        return self._built[layer.name]

    def base(self) -> State:
        """The base image with what is done to it before anything else."""
        state = self.around.base
        if self.plan.base.setup:
            state = self._apply(model.Layer(name="base", steps=self.plan.base.setup), state)
        for name, value in self.plan.base.env:
            state = state.with_env(name, value)
        return state

    def _start(self, layer: model.Layer) -> State:
        """What a layer stands on: the base and what it needs, or nothing."""
        if layer.name not in self._starts:
            self._starts[layer.name] = self._started(layer)
        return self._starts[layer.name]

    def _started(self, layer: model.Layer) -> State:
        if not layer.executes:
            return scratch()
        needed = self.plan.needed_by(layer)
        if not self.around.can_merge:
            return self._stacked(needed)
        if len(needed) == 1 and not _is_apart(needed[0]):
            return self.built(needed[0])
        titles = " and ".join(other.name for other in needed)
        return self._merged(needed, f"[{layer.name}] join {titles}")

    def _merged(self, layers: tuple[model.Layer, ...], title: str) -> State:
        """The base with layers over it, each as it is on its own."""
        base = self.around.base
        joined = merge([base, *map(self._own, layers)], metadata=self._metadata(title, None))
        # A merge has no environment of its own: commands on it run as on the base.
        return replace(base, output=joined.output)

    def _own(self, layer: model.Layer) -> State:
        """What a layer itself adds, without what it stands on."""
        if _is_apart(layer):
            return self.built(layer)
        title = f"[{layer.name}] take what changed"
        start, built = self._start(layer), self.built(layer)
        return diff(start, built, metadata=self._metadata(title, None))

    def _stacked(self, layers: tuple[model.Layer, ...]) -> State:
        """The base with layers one on the other: what is made apart is copied."""
        state = self.around.base
        for layer in layers:
            if layer.made:
                action = copy(self.built(layer), "/", "/", contents_only=True)
                metadata = self._metadata(f"[{layer.name}] add to the image", None)
                state = state.file(action, metadata=metadata)
            else:
                state = self._apply(layer, state)
        return state

    def _apply(self, layer: model.Layer, state: State) -> State:
        stage = layer.name.partition("/")[0]
        again = self.around.no_cache or stage in self.around.no_cache_layers
        for step in layer.steps:
            state = self._step(step, state, layer, again=again)
        return state

    def _step(self, step: model.Step, state: State, layer: model.Layer, *, again: bool) -> State:
        metadata = self._metadata(step.title, step.span)
        if isinstance(step, model.Write):
            made = [action for folder in step.folders for action in _folder(folder)]
            return state.file(*_write(step.files), *made, metadata=metadata)
        if isinstance(step, model.Copy):
            return state.file(self._copy(step), metadata=metadata)
        if isinstance(step, model.Fetch):
            return state.file(*_fetch(step, metadata), metadata=metadata)
        ran = self._exec(step, state, layer.made, again=again)
        if layer.made:
            return ran.output(layer.made)
        return replace(state, output=ran.root.output)

    def _copy(self, step: model.Copy) -> FileAction:
        sources = {"toolbox": self.around.toolbox, "project": self.around.project}
        is_pattern = "*" in step.path
        return copy(
            (sources | dict(self.around.images))[step.source],
            step.path,
            step.dest,
            contents_only=not is_pattern,
            create_dest_path=True,
            follow_symlink=not is_pattern,
            allow_wildcard=is_pattern,
            allow_empty_wildcard=is_pattern,
            include=step.include,
            exclude=step.exclude,
            timestamp=_nanoseconds(step.time),
        )

    def _exec(self, step: model.Exec, state: State, made: str, *, again: bool) -> Exec:
        running = state.with_cwd(step.cwd)
        for name, value in step.env:
            running = running.with_env(name, value)
        if step.path:
            path = dict(state.env).get("PATH", DEFAULT_PATH)
            running = running.with_env("PATH", ":".join((*step.path, path)))
        sandbox = self.around.sandbox
        mounts = [*(self._mount(mount, step) for mount in step.mounts), *sandbox.mounts]
        if made:
            mounts.append(bind(made, scratch(), readonly=False))
        return running.run(
            step.args,
            mounts=mounts,
            network=sandbox.network,
            proxy=sandbox.proxy,
            extra_hosts=sandbox.hosts,
            ulimits=sandbox.ulimits,
            hostname=sandbox.hostname,
            cgroup_parent=sandbox.cgroup_parent,
            metadata=replace(
                self._metadata(step.title, step.span, ignore_cache=again),
                linux_resources=sandbox.resources,
            ),
        )

    def _mount(self, mount: model.Mount, step: model.Exec) -> Mount:
        if isinstance(mount, model.Bind | model.LayerTree):
            return self._bound(mount)
        if isinstance(mount, model.Cache):
            sharing = Sharing.LOCKED if mount.locked else Sharing.SHARED
            base = self.around.base_key if mount.per_base else ""
            parts = (self.around.cache_namespace, mount.id, base)
            return cache(mount.target, id="/".join(filter(None, parts)), sharing=sharing)
        if isinstance(mount, model.Download):
            return self._download(mount, step)
        if isinstance(mount, model.Secret):
            return secret(mount.target, id=mount.id, optional=mount.optional)
        if isinstance(mount, model.Ssh):
            return ssh(id=mount.id)
        return self._files(mount, step)

    def _bound(self, mount: model.Bind | model.LayerTree) -> Mount:
        if isinstance(mount, model.LayerTree):
            return bind(mount.target, self.built(self.plan.layer(mount.layer)), readonly=True)
        image = self.around.images[mount.image] if mount.image else self.around.toolbox
        return bind(mount.target, image, selector=mount.path, readonly=True)

    def _download(self, mount: model.Download, step: model.Exec) -> Mount:
        metadata = self._metadata(f"[internal] fetch {mount.name}", step.span)
        file = http(mount.url, checksum=mount.checksum, filename=mount.name, metadata=metadata)
        # A cache that is exported holds no sources (BuildKit's solver, ExportRoots): their copies.
        path = f"/{mount.name}"
        keeping = self._metadata(f"[internal] keep {mount.name}", step.span)
        kept = scratch().file(copy(file, path, path), metadata=keeping)
        return bind(mount.target, kept, selector=path, readonly=True)

    def _files(self, mount: model.SingleFile | model.Files, step: model.Exec) -> Mount:
        metadata = self._metadata(f"[internal] files for {step.title}", step.span)
        if isinstance(mount, model.SingleFile):
            state = scratch().file(mkfile("/file", mount.data), metadata=metadata)
            return bind(mount.target, state, selector="/file", readonly=True)
        actions = _write(mount.files)
        for path in mount.project:
            actions.append(copy(self.around.inputs, f"/{path}", f"/{path}", create_dest_path=True))
        state = scratch().file(*actions, metadata=metadata)
        return bind(mount.target, state, readonly=not mount.writable, output=False)

    def _metadata(self, title: str, span: Span | None, *, ignore_cache: bool = False) -> Metadata:
        return Metadata(
            name=f"[{self.around.prefix}{title[1:]}",
            ignore_cache=ignore_cache,
            locations=location(self.around.source, span),
        )


def _fetch(step: model.Fetch, metadata: Metadata) -> list[FileAction]:
    """Actions that put the files in their places."""
    time, actions, folders = _nanoseconds(step.time), [], set()
    for each in step.files:
        name, folder = posixpath.basename(each.path), posixpath.dirname(each.path)
        row = replace(metadata, name=f"{metadata.name} {name}") if len(step.files) > 1 else metadata
        file = http(each.url, checksum=each.checksum, filename=name, mode=0o644, metadata=row)
        actions.append(copy(file, f"/{name}", each.path, create_dest_path=True, timestamp=time))
        folders.add(folder)
    if time is not None:
        # What is put into a folder changes its time: they get theirs once all is there.
        made = [mkdir(folder, parents=True) for folder in sorted(folders)]
        tree = scratch().file(*made, metadata=replace(metadata, name=f"{metadata.name}: folders"))
        actions.append(copy(tree, "/", "/", contents_only=True, timestamp=time))
    return actions


def _nanoseconds(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 10**9


def _is_apart(layer: model.Layer) -> bool:
    """Whether the layer is a tree of its own, and no change to what it stands on."""
    return bool(layer.made) or not layer.executes


def location(source: SourceInfo, span: Span | None) -> tuple[Location, ...]:
    """The lines of a source file that caused a vertex; BuildKit shows them when it fails."""
    return () if span is None else (Location(source, (lines(span),)),)


def lines(span: Span) -> Range:
    """The lines of a span; clients show whole lines."""
    return Range(Position(span.start_line), Position(span.end_line))


def _folder(folder: model.Folder) -> list[FileAction]:
    """Actions that make a folder; the owner is its own, not that of the folders above."""
    above, owner = posixpath.dirname(folder.path), Owner(user=folder.uid, group=folder.gid)
    return [mkdir(above, parents=True), mkdir(folder.path, parents=True, owner=owner)]


def _write(files: tuple[model.File, ...]) -> list[FileAction]:
    """Actions that make the files and the folders they stand in."""
    folders = dict.fromkeys(posixpath.dirname(f"/{file.path.lstrip('/')}") for file in files)
    actions = [mkdir(folder, parents=True) for folder in folders if folder != "/"]
    for file in files:
        actions.append(mkfile(f"/{file.path.lstrip('/')}", file.data, mode=file.mode))
    return actions
