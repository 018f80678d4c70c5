"""Turns a graph into a definition: every op once, inputs before users, then the return op."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from buildkit_llb import _caps
from buildkit_llb._definition import Definition, Location, OpMetadata, SourceInfo, digest
from buildkit_llb._errors import check_tree
from buildkit_llb._graph import Constraints, Edge, Op, post_order
from buildkit_llb._platform import Platform, check_platform
from buildkit_llb._state import State
from buildkit_llb.pb import ops_pb2 as pb


def marshal(state: State, *, platform: Platform, caps: Collection[str] | None = None) -> Definition:
    """Encode the graph of ``state``; ``scratch()`` is the empty definition.

    ``platform`` is for ops that have none of their own. ``caps`` is what the daemon can do: one
    that sets PATH in execs by itself is left to do so, for others it is added where it is
    missing; None adds nothing. Ops with equal bytes are one op, which keeps all that was said
    about either. Raises LLBError for another platform than a Platform, and for what is no state.
    """
    check_tree("what to marshal", state)
    check_platform(platform)
    if state.output is None:
        return Definition()
    known = None if caps is None else frozenset(caps)
    collected = _Collected(Constraints(platform, known))
    for op in post_order(state.output.op, _ops_below):
        collected.add(op)
    return collected.definition(Edge(collected.names[state.output.op], state.output.index))


def _ops_below(op: Op) -> list[Op]:
    return [output.op for output in op.inputs]


class _Collected:
    """What is known of a definition while its ops come in, inputs first."""

    def __init__(self, constraints: Constraints) -> None:
        self.names: dict[Op, str] = {}
        self._constraints = constraints
        self._ops: dict[str, bytes] = {}
        self._metadata: dict[str, OpMetadata] = {}
        self._locations: dict[str, dict[Location, None]] = {}

    def add(self, op: Op) -> None:
        edges = tuple(Edge(self.names[output.op], output.index) for output in op.inputs)
        data, needed = op.encode(edges, self._constraints)
        name = digest(data)
        self.names[op] = name
        self._ops[name] = data
        entry = op.metadata.with_caps(needed)
        before = self._metadata.get(name)
        self._metadata[name] = before.merged(entry) if before else entry
        if op.metadata.locations:
            self._locations.setdefault(name, {}).update(dict.fromkeys(op.metadata.locations))

    def definition(self, returned: Edge) -> Definition:
        message = pb.Op(inputs=[returned.to_pb()])
        data = message.SerializeToString(deterministic=True)
        needed = OpMetadata(caps=frozenset(_return_caps(self._metadata.values())))
        locations = {name: tuple(found) for name, found in self._locations.items()}
        infos: dict[SourceInfo, None] = {}
        for found in locations.values():
            infos.update(dict.fromkeys(location.info for location in found))
        return Definition(
            ops=(*self._ops.values(), data),
            metadata={**self._metadata, digest(data): needed},
            infos=tuple(infos),
            locations=locations,
        )


def _return_caps(entries: Iterable[OpMetadata]) -> set[str]:
    """The return op asks for what the metadata of the others uses, as Go's does."""
    needed = {_caps.CONSTRAINTS, _caps.PLATFORM}
    for entry in entries:
        if entry.ignore_cache:
            needed.add(_caps.META_IGNORE_CACHE)
        if entry.description:
            needed.add(_caps.META_DESCRIPTION)
        if entry.export_cache is not None:
            needed.add(_caps.META_EXPORT_CACHE)
    return needed
