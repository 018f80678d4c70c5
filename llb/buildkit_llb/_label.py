"""One line of text for an op, as progress of a build would name it."""

from __future__ import annotations

from google.protobuf.message import Message

from buildkit_llb.pb import ops_pb2 as pb

PATHS = ("src", "oldpath", "path", "dest", "newpath")  # as far as an action has them


def label(op: pb.Op) -> str:
    """Return what ``op`` does: a source's identifier, an exec's args, a file op's actions."""
    kind = op.WhichOneof("op") or "unknown"
    if kind == "source":
        return op.source.identifier
    if kind == "exec":
        return " ".join(op.exec.meta.args)
    if kind == "file":
        return ", ".join(map(_action, op.file.actions))
    return kind


def _action(action: pb.FileAction) -> str:
    kind = action.WhichOneof("action") or "unknown"
    message = getattr(action, kind, None)
    paths = [getattr(message, name, "") for name in PATHS] if isinstance(message, Message) else []
    return f"{kind} {' -> '.join(filter(None, paths))}"
