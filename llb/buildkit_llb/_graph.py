"""Vertices and edges of an LLB graph. They are frozen and compare by identity.

Comparing or printing by value would walk every path of a graph, and a graph of 30 diamonds has
2**30 paths. For the same reason graphs are walked with a loop: they are deeper than the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from buildkit_llb._errors import LLBError
from buildkit_llb._metadata import Metadata
from buildkit_llb._platform import Platform
from buildkit_llb.pb import ops_pb2 as pb

SOURCE_TAG = pb.Op.SOURCE_FIELD_NUMBER << 3 | 2  # protobuf's tag of a message with a length
NO_INDEX = -1  # "nothing" in every input and output number of ops.proto, where 0 is the first

Node = TypeVar("Node")


class Edge(NamedTuple):
    """An input as the wire names it: the digest of an op and the number of its output."""

    digest: str
    output: int

    def to_pb(self) -> pb.Input:
        """Return the wire form."""
        return pb.Input(digest=self.digest, index=self.output)


class Constraints(NamedTuple):
    """What holds for a whole marshal.

    ``platform`` is for ops without one of their own; ``caps`` is what the daemon can do (None:
    unknown).
    """

    platform: Platform
    caps: frozenset[str] | None = None


class Encoded(NamedTuple):
    """An op as bytes, and the caps that a daemon needs for it."""

    data: bytes
    caps: frozenset[str]


class Op(Protocol):
    """One vertex: it knows its inputs, in wire order, and how to encode itself."""

    @property
    def inputs(self) -> tuple[Output, ...]:
        """The outputs that this op uses; the same one may come more than once."""

    @property
    def metadata(self) -> Metadata:
        """What is said about this vertex."""

    @property
    def summary(self) -> str:
        """What the op does, in a line for people."""

    def encode(self, edges: Sequence[Edge], constraints: Constraints) -> Encoded:
        """Encode the op; ``edges`` are its ``inputs``, one for one."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Output:
    """Output ``index`` of ``op``."""

    op: Op
    index: int = 0

    def __post_init__(self) -> None:
        said: object = self.op.metadata
        if not isinstance(said, Metadata):
            raise LLBError(f"metadata is {said!r}, not Metadata(name=...)")

    def __repr__(self) -> str:
        return f"<output {self.index} of {self.op.metadata.name or self.op.summary!r}>"


class Filesystem(Protocol):
    """A tree that ops can use: ``output`` None is the empty tree, ``cwd`` its directory."""

    @property
    def output(self) -> Output | None:
        """The edge that yields the tree."""

    @property
    def cwd(self) -> str:
        """Where relative paths start."""


class InputTable:
    """Numbers the inputs of one op in order of first use; equal edges share a number."""

    def __init__(self) -> None:
        self._numbers: dict[Edge, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, edge: Edge | None) -> int:
        """Return the number of ``edge``; no edge is -1."""
        if edge is None:
            return NO_INDEX
        return self._numbers.setdefault(edge, len(self._numbers))

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges in the order of their numbers."""
        return tuple(self._numbers)


def encode_op(
    edges: Iterable[Edge], kind: pb.Op | bytes, platform: Platform | None = None
) -> bytes:
    """Encode an op in Go's byte order: the member of the ``oneof`` after every other field.

    ``kind`` holds that member only, encoded where it has a map in it (``encode_source``). Daemons
    since v0.18 encode each op again with Go and name it by the digest of that, so another order
    would cut the locations off their vertices.
    """
    head = pb.Op(
        inputs=[edge.to_pb() for edge in edges],
        platform=platform.to_pb() if platform else None,
        constraints=pb.WorkerConstraints(),  # Go sends it even when it is empty
    )
    member = kind if isinstance(kind, bytes) else kind.SerializeToString(deterministic=True)
    return head.SerializeToString(deterministic=True) + member


def encode_source(identifier: str, attrs: Iterable[tuple[str, str]]) -> bytes:
    """Encode a source as the member of its op, ``attrs`` by key as Go sorts them.

    upb's "deterministic" puts a key behind the longer ones that begin with it, Go before them.
    """
    rows = sorted(attrs, key=lambda row: row[0].encode())
    parts = (pb.SourceOp(identifier=identifier), *(pb.SourceOp(attrs=dict([row])) for row in rows))
    data = b"".join(part.SerializeToString() for part in parts)
    return bytes([SOURCE_TAG]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Protobuf's number of variable length: seven bits a byte, the lowest first."""
    low = bytearray()
    while value > 0x7F:
        low.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*low, value])


def post_order(root: Node, inputs: Callable[[Node], Sequence[Node]]) -> list[Node]:
    """Every node that ``root`` needs, once, each after its inputs; ``root`` is the last."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [(root, False)]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((below, False) for below in reversed(inputs(node)))
    return order
