"""Turns a definition back into a graph, to go on from it or to put it into another one.

A loaded op keeps its bytes, and they name its inputs: so it keeps its digest too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from buildkit_llb._definition import Definition, OpMetadata, parse_op
from buildkit_llb._errors import LLBError
from buildkit_llb._graph import NO_INDEX, Constraints, Edge, Encoded, Output, post_order
from buildkit_llb._label import label
from buildkit_llb._metadata import Metadata
from buildkit_llb._state import State, scratch
from buildkit_llb.pb import ops_pb2 as pb


@dataclass(frozen=True, slots=True, eq=False)
class LoadedOp:
    """An op that was encoded elsewhere."""

    data: bytes = field(repr=False)
    needed: frozenset[str] = field(repr=False)
    inputs: tuple[Output, ...] = field(repr=False)
    metadata: Metadata

    @property
    def summary(self) -> str:
        """What the bytes say."""
        return label(parse_op(self.data))

    def encode(self, edges: Sequence[Edge], constraints: Constraints) -> Encoded:
        """Return the bytes as they came."""
        return Encoded(self.data, self.needed)


MESSAGE_MAX = 16 << 20  # bytes; what a daemon takes in one message since v0.14 (before: 4 MiB)


def validate(definition: Definition, *, caps: Collection[str] | None = None) -> None:
    """Refuse what a daemon that knows ``caps`` (None: any) would refuse when it loads it.

    Raises LLBError that names the op, the caps or the size. What only running it can tell, such
    as an image that is not there, is not asked.
    """
    load(definition)
    if caps is not None and (missing := definition.caps - frozenset(caps)):
        raise LLBError(f"daemon does not know {', '.join(sorted(missing))}")
    if (size := len(definition.to_bytes())) > MESSAGE_MAX:
        raise LLBError(f"definition has {size} bytes, more than a message of {MESSAGE_MAX}")


def load(definition: Definition) -> State:
    """Return the state that ``definition`` returns; its environment is empty.

    Raises LLBError where BuildKit's loader would refuse the definition.
    """
    if not definition.ops:
        return scratch()
    *ops, last = map(parse_op, definition.ops)
    if not ops:
        raise LLBError("definition has one op only: nothing but the return op")
    if not last.inputs or last.WhichOneof("op"):
        raise LLBError("last op of the definition is not a return op")
    parsed = dict(zip(definition.digests, ops, strict=False))
    data = dict(zip(definition.digests, definition.ops, strict=True))
    edge = _edge(last.inputs[0], parsed)
    loaded: dict[str, LoadedOp] = {}
    below = {name: [_edge(used, parsed) for used in op.inputs] for name, op in parsed.items()}
    for name in post_order(edge.digest, lambda name: [used.digest for used in below[name]]):
        _check(name, parsed[name])
        entry = definition.metadata.get(name, OpMetadata())
        loaded[name] = LoadedOp(
            data=data[name],
            needed=entry.caps,
            inputs=tuple(Output(loaded[used.digest], used.output) for used in below[name]),
            metadata=_metadata(definition, name, entry),
        )
    return State(Output(loaded[edge.digest], edge.output))


def _edge(used: pb.Input, parsed: dict[str, pb.Op]) -> Edge:
    if used.digest not in parsed:
        raise LLBError(f"definition lacks an op that is an input: {used.digest!r}")
    if used.index < 0:
        raise LLBError(f"definition uses output {used.index} of {used.digest}")
    return Edge(used.digest, used.index)


def _metadata(definition: Definition, name: str, entry: OpMetadata) -> Metadata:
    return Metadata(
        ignore_cache=entry.ignore_cache,
        export_cache=entry.export_cache,
        progress_group=entry.progress_group,
        description=entry.description,
        locations=definition.locations.get(name, ()),
        linux_resources=entry.linux_resources,
    )


def _check(name: str, op: pb.Op) -> None:
    """Refuse what ``ValidateOp`` in solver/llbsolver/ops/opsutils/validate.go refuses."""
    kind = op.WhichOneof("op")
    lacking = ""
    if kind is None:
        lacking = "a kind that is known"
    elif kind == "exec":
        lacking = _lacking_in_exec(op.exec)
    elif kind == "file" and not op.file.actions:
        lacking = "actions"
    if lacking:
        raise LLBError(f"{kind or 'op'} {name} lacks {lacking}")
    for used, known in _numbers(op):
        if not NO_INDEX <= used < known:
            raise LLBError(f"{kind} {name} uses input {used} of {known}")


def _numbers(op: pb.Op) -> Iterator[tuple[int, int]]:
    """Yield the numbers of inputs that an op uses, and how many it could use there."""
    count = len(op.inputs)
    yield from ((mount.input, count) for mount in op.exec.mounts)
    for before, action in enumerate(op.file.actions):
        yield from ((number, count + before) for number in (action.input, action.secondaryInput))
    yield from ((entry.input, count) for entry in op.merge.inputs)
    if op.HasField("diff"):
        yield from ((entry.input, count) for entry in (op.diff.lower, op.diff.upper))


def _lacking_in_exec(op: pb.ExecOp) -> str:
    if not op.meta.args:
        return "args"
    return "" if any(mount.dest == "/" for mount in op.mounts) else "a mount at /"
