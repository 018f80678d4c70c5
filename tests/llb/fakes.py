"""An op that counts how often it is encoded."""

from __future__ import annotations

from collections.abc import Sequence

from buildkit_llb import Metadata, Output
from buildkit_llb._graph import Constraints, Edge, Encoded, encode_op
from buildkit_llb.pb import ops_pb2 as pb


class CountingOp:
    """A source named ``name`` with any inputs; ``encoded`` counts the calls."""

    def __init__(self, name: str, inputs: tuple[Output, ...] = ()) -> None:
        self.name = name
        self.inputs = inputs
        self.metadata = Metadata()
        self.encoded = 0

    @property
    def summary(self) -> str:
        return self.name

    def encode(self, edges: Sequence[Edge], constraints: Constraints) -> Encoded:
        self.encoded += 1
        kind = pb.Op(source=pb.SourceOp(identifier=self.name))
        return Encoded(encode_op(edges, kind), frozenset())
