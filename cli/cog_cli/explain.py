"""``cog explain``: what was decided for a project, and why an image of it would be built again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from cog_frontend import plan
from cog_frontend.plan import Change, Record
from cog_frontend.plan.record import LayerRecord

FORMAT = 1
_LOCK = "lock"
_PACKAGES = "packages/"
_SHOWN_PACKAGES = 6
_UNITS = ("B", "kB", "MB", "GB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What ``cog explain`` shows.

    ``image`` is the image that ``sizes`` (bytes by layer, unpacked) and the groups of packages are
    from, empty: there is none. ``changes`` is None where no comparison was asked for.
    """

    record: Record
    image: str = ""
    sizes: dict[str, int] | None = None
    changes: tuple[Change, ...] | None = None


def explain(now: Record, image: str, built: Record | None, history: Sequence[int]) -> Explanation:
    """Return what is known of a project; ``built`` is the record of its image, if there is one.

    The groups of packages are worked out in a build: those of the image are shown where its
    requirements were the same. ``history`` are the sizes of the image's layers, oldest first.
    """
    if built is None:
        return Explanation(record=now)
    return Explanation(record=_with_packages(now, built), image=image, sizes=_sizes(built, history))


def _with_packages(now: Record, built: Record) -> Record:
    locks = [[each for each in of.layers if each.name == _LOCK] for of in (now, built)]
    groups = [each for each in built.layers if each.name.startswith(_PACKAGES)]
    known = any(each.name.startswith(_PACKAGES) for each in now.layers)
    if known or not all(locks) or locks[0][0].inputs != locks[1][0].inputs:
        return now
    layers: list[LayerRecord] = []
    for layer in now.layers:
        layers += [*groups, layer] if layer.name == _LOCK else [layer]
    return replace(now, layers=tuple(layers))


def _sizes(built: Record, history: Sequence[int]) -> dict[str, int]:
    """The size of each layer: an image's newest layers are those of its plan, in its order."""
    layers = [each for each in built.layers if each.snapshots]
    total = sum(each.snapshots for each in layers)
    if total > len(history):
        return {}
    sizes, position = {}, len(history) - total
    for layer in layers:
        sizes[layer.name] = sum(history[position : position + layer.snapshots])
        position += layer.snapshots
    return sizes


def as_json(explanation: Explanation) -> str:
    """Return the explanation as docs/explain.schema.json describes it."""
    record, sizes = explanation.record, explanation.sizes or {}
    document: dict[str, object] = {
        "format": FORMAT,
        "cogkit": record.cogkit,
        "base": record.base,
        "image": explanation.image or None,
        "decisions": [asdict(each) for each in record.decisions],
        "layers": [
            {
                "name": each.name,
                "title": each.title,
                "at": each.at,
                "needs": each.needs,
                "in_image": each.snapshots > 0,
                "packages": each.packages,
                "bytes": sizes.get(each.name),
            }
            for each in record.layers
        ],
    }
    if explanation.changes is not None:
        document["changes"] = [asdict(each) for each in explanation.changes]
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_text(explanation: Explanation) -> str:
    """Return the explanation for a person: a tree of lines."""
    changes = explanation.changes
    lines = list(_tree("changes", _changed(changes)) if changes is not None else _all(explanation))
    return "\n".join(lines)


def _all(explanation: Explanation) -> Iterator[str]:
    yield from _tree("decisions", [_decided(each) for each in explanation.record.decisions])
    sizes = explanation.sizes or {}
    layers = [_layer(each, sizes.get(each.name)) for each in explanation.record.layers]
    title = f"layers (sizes of {explanation.image})" if explanation.image else "layers"
    yield from _tree(title, layers)
    names = {each.name for each in explanation.record.layers}
    if _LOCK in names and not any(name.startswith(_PACKAGES) for name in names):
        yield "the groups of packages are worked out in a build"


def _decided(decision: plan.DecisionRecord) -> list[str]:
    at = f"  ({decision.at})" if decision.at else ""
    return [f"{decision.topic}: {decision.value}{at}", decision.reason]


def _layer(layer: LayerRecord, size: int | None) -> list[str]:
    details = [layer.at, "" if size is None else shown_size(size)]
    if not layer.snapshots:
        details.append("only while building")
    more = ", ".join(filter(None, details))
    lines = [f"{layer.name}: {layer.title}" + (f"  ({more})" if more else "")]
    if layer.packages:
        hidden = len(layer.packages) - _SHOWN_PACKAGES
        shown = " ".join(layer.packages[:_SHOWN_PACKAGES])
        lines.append(f"{shown} and {hidden} more" if hidden > 0 else shown)
    return lines


def _changed(changes: Sequence[Change]) -> list[list[str]]:
    if not changes:
        return [["nothing in the plan: only the project's own files and newer images can differ"]]
    return [[f"{each.kind} {each.name}", *each.causes] for each in changes]


def _tree(title: str, entries: Sequence[Sequence[str]]) -> Iterator[str]:
    yield title
    for number, (first, *others) in enumerate(entries, 1):
        is_last = number == len(entries)
        yield f"{'└─' if is_last else '├─'} {first}"
        for line in others:
            yield f"{' ' if is_last else '│'}    {line}"


def shown_size(size: float) -> str:
    """Return a size as docker shows it: ``9.61 MB``."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            break
        size /= 1000
    return f"{size:.3g} {unit}"
