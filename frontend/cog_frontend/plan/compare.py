"""Why layers are built again: one plan's record beside that of an image."""

from __future__ import annotations

from dataclasses import dataclass

from cog_frontend.plan.record import LayerRecord, Record

_PACKAGES = "packages/"
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not as it was: a layer or a decision by name, and what about it."""

    kind: str
    name: str
    causes: tuple[str, ...]


def compare(old: Record, new: Record) -> tuple[Change, ...]:
    """Return what changed from an image's record to a new one; nothing: all layers are reused.

    What a plan does not hold is not seen: the project's own files and what tags point to.
    """
    return (*_decisions(old, new), *_layers(old, new))


def _decisions(old: Record, new: Record) -> list[Change]:
    before = {each.topic: each for each in old.decisions}
    after = {each.topic: each for each in new.decisions}
    changes = []
    for topic in sorted(before.keys() | after.keys()):
        was, now = before.get(topic), after.get(topic)
        if was and now and was.value == now.value:
            continue
        text = f"{was.value if was else 'none'} -> {now.value if now else 'none'}"
        at = f" ({now.at})" if now and now.at else ""
        reason = f"{text}: {now.reason}{at}" if now else text
        changes.append(Change("decision", topic, (reason,)))
    return changes


def _layers(old: Record, new: Record) -> list[Change]:
    before = {each.name: each for each in old.layers}
    changed: dict[str, tuple[str, ...]] = {}
    is_locked = any(each.name.startswith(_PACKAGES) for each in new.layers)
    for layer in new.layers:
        causes = _causes(before.get(layer.name), layer)
        if layer.on_base:
            causes += [f"{name} is built again" for name in layer.needs if name in changed]
            if old.base != new.base:
                causes.append(f"the base is {new.base}, it was {old.base}")
        if layer.name == "runtime" and old.cogkit != new.cogkit:
            causes.append(f"cogkit is {new.cogkit}, it was {old.cogkit}")
        if causes:
            changed[layer.name] = tuple(causes)
    names = {each.name for each in new.layers}
    for layer in old.layers:
        if layer.name in names:
            continue
        if layer.name.startswith(_PACKAGES) and not is_locked:
            if _LOCK in changed:
                changed[layer.name] = ("the packages are worked out anew; it stays if they do",)
        else:
            changed[layer.name] = ("it is not needed any more",)
    return [Change("layer", name, causes) for name, causes in changed.items()]


def _causes(was: LayerRecord | None, now: LayerRecord) -> list[str]:
    if was is None:
        return ["it is new"]
    before, after = dict(was.inputs), dict(now.inputs)
    causes = []
    for what in sorted(before.keys() | after.keys()):
        if what not in before:
            causes.append(f"{what} is new")
        elif what not in after:
            causes.append(f"{what} is gone")
        elif before[what] != after[what]:
            causes.append(f"{what} changed")
    return causes
