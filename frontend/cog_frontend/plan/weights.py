"""The layers of weights, that no edit of code touches: each place of ``weights``, large files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cog_frontend.config import Config, Located, Weight, WeightSource
from cog_frontend.plan import layout
from cog_frontend.plan.model import Copy, Decision, Fetch, Layer, Remote
from cog_frontend.plan.separate import Listed, Part, alone, below, bundled

STAGE = "weights"
# The named context that folders of weights may come from.
WEIGHTS = "weights"
PROJECT = "project"
# One time for all weights, so that equal files are equal layers: the first that a zip can hold.
TIME = 315532800
_HUB = ("hf://", "huggingface://")
_URL = ("http://", "https://")
# The files of repositories, by the address in the config.
Hubs = tuple[tuple[Located, tuple[Remote, ...]], ...]
_APART = "that no edit of code touches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What is weights: their layers, why, and the ``patterns`` of what is in no other layer."""

    layers: tuple[Layer, ...] = ()
    decisions: tuple[Decision, ...] = ()
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of files.

    ``project`` are those of the build context, ``named`` those of a tree that folders of weights
    come from (None: the project is), ``hubs`` those of repositories. ``separate``: whether weights
    of the project that no config names have layers of their own; None: where one is large.
    """

    project: tuple[Listed, ...] = ()
    named: tuple[Listed, ...] | None = None
    hubs: Hubs = ()
    separate: bool | None = None

    @property
    def origin(self) -> str:
        """The source that folders of weights are copied from."""
        return PROJECT if self.named is None else WEIGHTS

    @property
    def within(self) -> tuple[Listed, ...]:
        """The files of that source."""
        return self.project if self.named is None else self.named


def find_weights(config: Config, known: Known) -> Weights:
    """Return the weights of a config and of files; of a repository that is not known, none yet."""
    places = [_place(*each, known) for each in _named(config)]
    found = [*places, _unnamed(config, known)]
    return Weights(
        layers=tuple(layer for each in found for layer in each.layers),
        decisions=tuple(decision for each in found for decision in each.decisions),
        patterns=tuple(pattern for each in found for pattern in each.patterns),
    )


def hub_sources(config: Config) -> tuple[WeightSource, ...]:
    """The places of weights that are repositories of a hub."""
    return tuple(each for _, _, each in _named(config) if each.uri.text.startswith(_HUB))


def folder_sources(config: Config) -> tuple[WeightSource, ...]:
    """The places of weights that are folders."""
    return tuple(each for _, _, each in _named(config) if not _is_remote(each))


def _named(config: Config) -> Iterator[tuple[str, Weight, WeightSource]]:
    """Every place with the name of its layer."""
    for number, weight in enumerate(config.weights, 1):
        name = weight.name.text if weight.name else str(number)
        for place, source in enumerate(weight.source, 1):
            more = f"-{place}" if len(weight.source) > 1 else ""
            yield f"{STAGE}/{name}{more}", weight, source


def _place(name: str, weight: Weight, source: WeightSource, known: Known) -> Weights:
    """The weights that one place of the config names."""
    decision = Decision(
        topic=name,
        value=posixpath.join(weight.target.text, ""),
        reason=f"{source.uri.text} is a layer {_APART}",
        span=source.uri.span,
    )
    target = weight.target.text.rstrip("/")
    if source.uri.text.startswith(_URL):
        layer = Layer(name=name, steps=(_download(source, target, name),))
        return Weights(layers=(layer,), decisions=(decision,))
    if source.uri.text.startswith(_HUB):
        layers = _repository(source, target, name, dict(known.hubs).get(source.uri, ()))
        return Weights(layers=layers, decisions=(decision,))
    return Weights(
        layers=_folder(source, target, name, known),
        decisions=(decision,),
        patterns=_patterns(source) if known.origin == PROJECT else (),
    )


def _download(source: WeightSource, target: str, name: str) -> Fetch:
    file = source.file_name
    checksum = source.checksum.text if source.checksum else ""
    return Fetch(
        files=(Remote(url=source.uri.text, checksum=checksum, path=f"{target}/{file}"),),
        title=f"[{name}] download {file}",
        span=source.uri.span,
        time=TIME,
    )


def _repository(
    source: WeightSource, target: str, name: str, files: Sequence[Remote]
) -> tuple[Layer, ...]:
    """A repository of a hub: its large files, and a layer of all others."""
    parts = alone([Listed(path=each.path, size=each.size) for each in files])
    large = {path for part in parts for path in part.paths}
    groups = [(f"{name}/{part.name}", part.paths) for part in parts]
    if rest := tuple(each.path for each in files if each.path not in large):
        groups.append((name, rest))
    by_path = {each.path: replace(each, path=f"{target}/{each.path}") for each in files}
    return tuple(
        Layer(
            name=layer,
            steps=(
                Fetch(
                    files=tuple(by_path[path] for path in sorted(paths)),
                    title=f"[{layer}] download",
                    span=source.uri.span,
                    time=TIME,
                ),
            ),
        )
        for layer, paths in groups
    )


def _folder(source: WeightSource, target: str, name: str, known: Known) -> tuple[Layer, ...]:
    """A folder of weights: its large files, and a layer of what is left of it."""
    path = _path(source.uri)
    rest = Copy(
        source=known.origin,
        path=f"/{path}",
        dest=f"{target}/",
        title=f"[{name}] copy {path}",
        span=source.uri.span,
        include=tuple(each.text for each in source.include),
        exclude=tuple(each.text for each in source.exclude),
        time=TIME,
    )
    inside = below(known.within, path)
    # Which files the patterns choose is the daemon's to say.
    parts = () if source.include or source.exclude else alone(inside)
    layers = [_layer(f"{name}/{part.name}", part, rest) for part in parts]
    taken = tuple(path for part in parts for path in part.paths)
    if not parts or len(taken) < len(inside):
        step = replace(rest, exclude=(*rest.exclude, *taken))
        layers.append(Layer(name=name, steps=(step,)))
    return tuple(layers)


def _unnamed(config: Config, known: Known) -> Weights:
    """Files of the project that are weights although no config says so."""
    sources = folder_sources(config) if known.origin == PROJECT else ()
    named = [_path(each.uri) for each in sources]
    left = [
        each for each in known.project if not any(_is_in(each.path, folder) for folder in named)
    ]
    parts = [] if known.separate is False else [*alone(left)]
    if (parts or known.separate) and (rest := bundled(left)):
        parts.append(rest)
    copy = Copy(source=PROJECT, path="/", dest=f"{layout.SOURCE}/", title="", time=TIME)
    return Weights(
        layers=tuple(_layer(_unnamed_topic(part), part, copy) for part in parts),
        decisions=tuple(
            Decision(
                topic=_unnamed_topic(part),
                value=f"{layout.SOURCE}/",
                reason=f"{part.size // 10**6} MB are a layer {_APART}",
            )
            for part in parts
        ),
        # What is left out of a folder is in another part.
        patterns=tuple(path for part in parts for path in part.paths),
    )


def _unnamed_topic(part: Part) -> str:
    # No name of weights has a slash or a blank in it.
    return f"{STAGE}{layout.SOURCE}/{part.name}"


def _layer(name: str, part: Part, copy: Copy) -> Layer:
    """A layer of one part of what ``copy`` copies."""
    step = replace(
        copy,
        title=f"[{name}] copy {part.size // 10**6} MB",
        include=part.include,
        exclude=part.exclude,
    )
    return Layer(name=name, steps=(step,))


def _patterns(source: WeightSource) -> tuple[str, ...]:
    """What of the project is in a folder of weights, as patterns to leave out elsewhere."""
    path = _path(source.uri)
    taken = [f"{path}/{each.text}" for each in source.include] or [path]
    return (*taken, *(f"!{path}/{each.text}" for each in source.exclude))


def _is_remote(source: WeightSource) -> bool:
    return source.uri.text.startswith(_URL + _HUB)


def _is_in(path: str, folder: str) -> bool:
    return folder in ("", ".") or path.startswith(f"{folder}/")


def _path(uri: Located) -> str:
    return posixpath.normpath(uri.text.removeprefix("file://")).lstrip("/")
