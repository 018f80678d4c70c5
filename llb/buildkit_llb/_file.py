"""The op that changes a tree without a command: a chain of actions.

Each action works on what the one before it made. Numbers: BuildKit's client/llb/fileop.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from buildkit_llb import _caps as caps
from buildkit_llb._errors import LLBError
from buildkit_llb._graph import (
    NO_INDEX,
    Constraints,
    Edge,
    Encoded,
    InputTable,
    Output,
    encode_op,
)
from buildkit_llb._label import label
from buildkit_llb._metadata import NO_METADATA, Metadata
from buildkit_llb.pb import ops_pb2 as pb


class Place(NamedTuple):
    """Where an action happens: the directory for relative paths, the input that knows names."""

    cwd: str
    base: int


class FileAction(Protocol):
    """One change; made by the functions of this module."""

    @property
    def source(self) -> Output | None:
        """A second tree that the action reads, if any."""

    def caps(self) -> Iterator[str]:
        """Yield what the daemon must know beside file ops."""

    def to_pb(self, place: Place) -> pb.FileAction:
        """Return the wire form, its numbers not yet set."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileOp:
    """Applies ``actions`` to ``base`` (None: the empty tree), one after the other."""

    actions: tuple[FileAction, ...]
    base: Output | None = field(default=None, repr=False)
    cwd: str = "/"
    metadata: Metadata = field(default=NO_METADATA, repr=False)

    def __post_init__(self) -> None:
        if not self.actions:
            raise LLBError("file op has no actions")
        for action in self.actions:
            if not hasattr(action, "to_pb"):
                made = "copy, mkdir, mkfile, rm or symlink"
                raise LLBError(f"file action is {type(action).__name__}, not made by {made}")

    @property
    def inputs(self) -> tuple[Output, ...]:
        """The base, then the trees that are copied from."""
        used = (self.base, *(action.source for action in self.actions))
        return tuple(output for output in used if output is not None)

    @property
    def summary(self) -> str:
        """The actions and their paths."""
        place = Place(self.cwd, NO_INDEX)
        return label(pb.Op(file=pb.FileOp(actions=[one.to_pb(place) for one in self.actions])))

    def encode(self, edges: Sequence[Edge], constraints: Constraints) -> Encoded:
        """Encode the op."""
        table = InputTable()
        given = iter(edges)
        base = table.number(next(given) if self.base else None)
        sources = [table.number(next(given) if action.source else None) for action in self.actions]
        place = Place(self.cwd, base)
        actions = [action.to_pb(place) for action in self.actions]
        for number, (action, source) in enumerate(zip(actions, sources, strict=True)):
            # Past the inputs, numbers name the results of earlier actions.
            action.input = len(table) + number - 1 if number else base
            action.secondaryInput = source
            action.output = NO_INDEX
        actions[-1].output = 0
        needed = {caps.FILE_BASE}.union(*(action.caps() for action in self.actions))
        kind = pb.Op(file=pb.FileOp(actions=actions))
        return Encoded(encode_op(table.edges, kind), frozenset(needed))
