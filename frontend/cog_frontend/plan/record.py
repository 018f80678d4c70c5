"""What a plan was made of, small enough for a label: decisions, and the inputs of each layer.

Two records tell why a layer is built again. Contents are kept as digests only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from cog_frontend.errors import Span
from cog_frontend.plan.model import (
    Bind,
    Cache,
    Copy,
    Decision,
    Download,
    Exec,
    Fetch,
    File,
    Files,
    Layer,
    LayerTree,
    Mount,
    Plan,
    Secret,
    SingleFile,
    Ssh,
    Step,
)

LABEL = "run.cog.plan"
FORMAT = 1
_DIGITS = 12
# The lock of a group of packages, as it stands in a plan.
_PACKAGE = re.compile(r'^name = "([^"]+)"\n(?:version = "([^"]+)"\n)?', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """A decision; ``at`` is ``file:line``, empty where it follows from no line."""

    topic: str
    value: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRecord:
    """A layer: ``inputs`` are names and short digests of all that its content depends on.

    ``needs`` are the layers it stands on, ``on_base``: and the base. ``snapshots`` is how many
    layers of the image it is (0: it is only stood on), ``packages`` what it installs.
    """

    name: str
    title: str
    at: str
    needs: tuple[str, ...]
    on_base: bool
    snapshots: int
    packages: tuple[str, ...]
    inputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A plan in short; ``cogkit`` is the version that made it."""

    cogkit: str
    base: str
    decisions: tuple[DecisionRecord, ...]
    layers: tuple[LayerRecord, ...]


def record(plan: Plan, *, config_file: str, version: str) -> Record:
    """Return the record of a plan; spans without a file are of ``config_file``."""
    return Record(
        cogkit=version,
        base=plan.base.ref,
        decisions=tuple(_decision(each, config_file) for each in plan.decisions),
        layers=tuple(_layer(each, config_file) for each in plan.layers),
    )


def record_json(made: Record, *, indent: int | None = None) -> str:
    """Return a record as JSON; without ``indent``, in as few bytes as it takes."""
    separators = None if indent else (",", ":")
    document = {"format": FORMAT, **asdict(made)}
    return json.dumps(document, indent=indent, separators=separators, ensure_ascii=False)


def read_record(text: str) -> Record | None:
    """Return the record in a label; None for none, and for one of another format."""
    try:
        found = json.loads(text)
        if found["format"] != FORMAT:
            return None
        return Record(
            cogkit=found["cogkit"],
            base=found["base"],
            decisions=tuple(DecisionRecord(**each) for each in found["decisions"]),
            layers=tuple(map(_read_layer, found["layers"])),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _read_layer(found: dict[str, object]) -> LayerRecord:
    def values(key: str) -> list[object]:
        value = found[key]
        if not isinstance(value, list):
            raise TypeError(key)
        return value

    return LayerRecord(
        name=str(found["name"]),
        title=str(found["title"]),
        at=str(found["at"]),
        needs=tuple(map(str, values("needs"))),
        on_base=found["on_base"] is True,
        snapshots=int(str(found["snapshots"])),
        packages=tuple(map(str, values("packages"))),
        inputs=tuple((str(what), str(key)) for what, key in map(_pair, values("inputs"))),
    )


def _pair(value: object) -> tuple[object, object]:
    if not isinstance(value, list):
        raise TypeError(value)
    what, key = value
    return what, key


def _decision(decision: Decision, config_file: str) -> DecisionRecord:
    return DecisionRecord(
        topic=decision.topic,
        value=decision.value,
        reason=decision.reason,
        at=_at(decision.file or config_file, decision.span),
    )


def _at(file: str, span: Span | None) -> str:
    return f"{file}:{span.start_line}" if span else ""


def _layer(layer: Layer, config_file: str) -> LayerRecord:
    spans = [step.span for step in layer.steps if step.span]
    snapshots = 1 if layer.made else len(layer.steps)
    return LayerRecord(
        name=layer.name,
        title=layer.steps[0].title,
        at=_at(config_file, spans[0] if spans else None),
        needs=layer.needs,
        on_base=layer.executes,
        snapshots=snapshots if layer.kept else 0,
        packages=tuple(_packages(layer)),
        inputs=tuple(sorted({pair for step in layer.steps for pair in _inputs(step)})),
    )


def _inputs(step: Step) -> Iterator[tuple[str, str]]:
    if isinstance(step, Exec):
        yield step.title, _digest(step.args, step.path, step.cwd)
        for name, value in step.env:
            yield f"variable {name}", _digest(value)
        for mount in step.mounts:
            yield from _mounted(mount)
    elif isinstance(step, Copy):
        chosen = (step.dest, step.include, step.exclude)
        yield f"{step.path} of the {step.source}", _digest(*chosen)
    elif isinstance(step, Fetch):
        for file in step.files:
            yield file.url, _digest(file.checksum, file.path)
    else:
        yield step.title, _digest([str(folder) for folder in step.folders])
        yield from map(_file, step.files)


def _mounted(mount: Mount) -> Iterator[tuple[str, str]]:
    match mount:
        case Bind():
            yield f"{mount.path} of the {mount.image or 'toolbox'}", _digest(mount.target)
        case LayerTree():
            yield f"layer {mount.layer}", _digest(mount.target)
        case Download():
            yield mount.url, _digest(mount.checksum, mount.target)
        case SingleFile():
            yield mount.target, _digest(mount.data)
        case Files():
            yield from map(_file, mount.files)
            yield from ((path, "") for path in mount.project)
        case Secret():
            yield f"secret {mount.id}", _digest(mount.target)
        case Ssh():
            yield f"SSH agent {mount.id}", ""
        case Cache():  # what is in it decides nothing
            return


def _file(file: File) -> tuple[str, str]:
    return file.path, _digest(file.data, file.mode)


def _digest(*values: object) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:_DIGITS]


def _packages(layer: Layer) -> Iterator[str]:
    """The packages that a layer's own lock holds."""
    if not layer.made or not layer.name.startswith("packages/"):
        return
    for step in layer.steps:
        for mount in step.mounts if isinstance(step, Exec) else ():
            for file in mount.files if isinstance(mount, Files) else ():
                for name, version in _PACKAGE.findall(file.data.decode()):
                    yield f"{name}=={version}" if version else name
