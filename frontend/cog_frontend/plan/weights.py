"""The layers of ``weights``: one for each place they come from, that no edit of code touches."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from cog_frontend.config import Config, Located, Weight, WeightSource
from cog_frontend.errors import Problem
from cog_frontend.plan.model import Copy, Decision, Fetch, Layer

STAGE = "weights"
_HUB = ("hf://", "huggingface://")
_URL = ("http://", "https://")


def weight_layers(config: Config) -> tuple[Layer, ...]:
    """The layers of all weights, in the order of the config."""
    return tuple(
        Layer(name=name, steps=(_step(weight, source, name),))
        for name, weight, source in _named(config)
    )


def project_patterns(config: Config) -> tuple[str, ...]:
    """What of the project stands in layers of weights, as patterns to leave out elsewhere."""
    patterns: list[str] = []
    for _, _, source in _named(config):
        if not source.uri.text.startswith(_URL + _HUB):
            path = _path(source.uri)
            taken = [f"{path}/{each.text}" for each in source.include] or [path]
            patterns += [*taken, *(f"!{path}/{each.text}" for each in source.exclude)]
    return tuple(patterns)


def weight_decisions(config: Config) -> tuple[Decision, ...]:
    """Where each place's files stand, and why in a layer of their own."""
    return tuple(
        Decision(
            topic=name,
            value=posixpath.join(weight.target.text, ""),
            reason=f"{source.uri.text} is a layer that no edit of code touches",
            span=source.uri.span,
        )
        for name, weight, source in _named(config)
    )


def weight_problems(config: Config, filename: str) -> Iterator[Problem]:
    """Say which places weights cannot come from yet."""
    for _, _, source in _named(config):
        if source.uri.text.startswith(_HUB):
            yield Problem(
                file=filename,
                span=source.uri.span,
                message=f"weights: {source.uri.text}: a hub is not supported yet by this cogkit",
                hint="name each file: https://HOST/OWNER/NAME/resolve/COMMIT/FILE and its checksum",
            )


def _named(config: Config) -> Iterator[tuple[str, Weight, WeightSource]]:
    """Every place with the name of its layer."""
    for number, weight in enumerate(config.weights, 1):
        name = weight.name.text if weight.name else str(number)
        for place, source in enumerate(weight.source, 1):
            more = f"-{place}" if len(weight.source) > 1 else ""
            yield f"{STAGE}/{name}{more}", weight, source


def _step(weight: Weight, source: WeightSource, name: str) -> Copy | Fetch:
    uri, target = source.uri, weight.target.text.rstrip("/")
    if uri.text.startswith(_URL):
        file = unquote(posixpath.basename(urlsplit(uri.text).path))
        return Fetch(
            url=uri.text,
            checksum=source.checksum.text if source.checksum else "",
            dest=f"{target}/{file}",
            title=f"[{name}] download {file}",
            span=uri.span,
        )
    path = _path(uri)
    return Copy(
        source="project",
        path=f"/{path}",
        dest=f"{target}/",
        title=f"[{name}] copy {path}",
        span=uri.span,
        include=tuple(each.text for each in source.include),
        exclude=tuple(each.text for each in source.exclude),
    )


def _path(uri: Located) -> str:
    return posixpath.normpath(uri.text.removeprefix("file://")).lstrip("/")
