"""Ops that join trees without copying: merge and diff (client/llb/merge.go and diff.go)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from buildkit_llb import _caps as caps
from buildkit_llb._errors import LLBError
from buildkit_llb._graph import NO_INDEX, Constraints, Edge, Encoded, Output, encode_op
from buildkit_llb._metadata import NO_METADATA, Metadata
from buildkit_llb.pb import ops_pb2 as pb


@dataclass(frozen=True, slots=True, eq=False)
class MergeOp:
    """Lays two or more trees over each other; later ones win."""

    inputs: tuple[Output, ...] = field(repr=False)
    metadata: Metadata = field(default=NO_METADATA, repr=False)

    @property
    def summary(self) -> str:
        """That it is a merge."""
        return "merge"

    def __post_init__(self) -> None:
        if len(self.inputs) < 2:
            raise LLBError(f"merge needs two inputs, has {len(self.inputs)}")

    def encode(self, edges: Sequence[Edge], constraints: Constraints) -> Encoded:
        """Encode the op; every input has a number of its own, as in Go."""
        merge = pb.MergeOp(inputs=[pb.MergeInput(input=number) for number in range(len(edges))])
        return Encoded(encode_op(edges, pb.Op(merge=merge)), frozenset({caps.MERGE}))


@dataclass(frozen=True, slots=True, eq=False)
class DiffOp:
    """What makes ``upper`` out of ``lower``; ``upper`` None is the empty tree."""

    lower: Output = field(repr=False)
    upper: Output | None = field(repr=False)
    metadata: Metadata = field(default=NO_METADATA, repr=False)

    @property
    def summary(self) -> str:
        """That it is a diff."""
        return "diff"

    @property
    def inputs(self) -> tuple[Output, ...]:
        """The trees that are there, ``lower`` first."""
        return (self.lower,) if self.upper is None else (self.lower, self.upper)

    def encode(self, edges: Sequence[Edge], constraints: Constraints) -> Encoded:
        """Encode the op."""
        diff = pb.DiffOp(
            lower=pb.LowerDiffInput(input=0),
            upper=pb.UpperDiffInput(input=NO_INDEX if self.upper is None else 1),
        )
        return Encoded(encode_op(edges, pb.Op(diff=diff)), frozenset({caps.DIFF}))
