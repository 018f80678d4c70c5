"""A definition as a picture, in the language of graphviz."""

from __future__ import annotations

from buildkit_llb._definition import Definition, OpMetadata, parse_op
from buildkit_llb._label import label
from buildkit_llb._metadata import NAME_KEY
from buildkit_llb.pb import ops_pb2 as pb

LABEL_MAX = 100  # characters; a long script would make one node wider than the picture
# As buildctl draws them (BuildKit's cmd/buildctl/debug/dumpllb.go).
_SHAPES = {
    "source": "ellipse",
    "exec": "box",
    "file": "note",
    "build": "box3d",
    "merge": "invtriangle",
    "diff": "doublecircle",
}
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "", "\0": ""})


def dot(definition: Definition) -> str:
    """Return a graph for ``dot -Tsvg``: one node per op, one arrow per input.

    A node shows the op's name, else what it does; an arrow shows where the input is mounted. The
    node that is returned has a double edge. Raises LLBError for bytes that are no op.
    """
    *ops, last = map(parse_op, definition.ops or (b"",))
    numbers = {name: number for number, name in enumerate(definition.digests, 1)}
    returned = {(used.digest) for used in last.inputs}
    lines = ["digraph {"]
    for name, op in zip(definition.digests, ops, strict=False):
        entry = definition.metadata.get(name, OpMetadata())
        text = dict(entry.description).get(NAME_KEY) or label(op)
        shape = _SHAPES.get(op.WhichOneof("op") or "", "plaintext")
        peripheries = " peripheries=2" if name in returned else ""
        lines.append(f"  {numbers[name]} [label={_quoted(text)} shape={shape}{peripheries}];")
    for name, op in zip(definition.digests, ops, strict=False):
        for number, used in enumerate(op.inputs):
            source = numbers.get(used.digest, _quoted(used.digest))
            lines.append(f"  {source} -> {numbers[name]} [label={_quoted(_at(op, number))}];")
    return "\n".join([*lines, "}"]) + "\n"


def _at(op: pb.Op, number: int) -> str:
    """Where input ``number`` of an exec is mounted; the root is not said."""
    places = (mount.dest for mount in op.exec.mounts if mount.input == number)
    return ", ".join(dest for dest in places if dest != "/")


def _quoted(text: str) -> str:
    cut = text if len(text) <= LABEL_MAX else f"{text[: LABEL_MAX - 3]}..."
    return f'"{cut.translate(_ESCAPES)}"'
