"""Which daemon to use: a decision, no I/O."""

from __future__ import annotations

from enum import Enum, auto

from integration.engine.errors import EngineError
from integration.engine.layout import Kind


class Choice(Enum):
    """Whose daemon it will be."""

    THEIRS = auto()
    OWN = auto()


def choose(kind: Kind, *, reachable: bool, named: str | None, root: bool) -> Choice:
    """Return whose daemon serves ``kind``.

    ``reachable``: a daemon that is not ours answers. ``named``: the value of the variable by
    which the user named a daemon, None for none. ``root``: we may start one. Any reachable
    daemon serves the default kind; another kind is always an own one. A daemon that the user
    named and that does not answer is an error, never silently replaced.
    """
    if kind.is_default and reachable:
        return Choice.THEIRS
    if kind.is_default and named is not None:
        raise EngineError(f"no Docker daemon answers at {named}; start it or unset the variable")
    if not root:
        wanted = "no Docker daemon answers" if kind.is_default else f"{kind} is an own daemon"
        raise EngineError(f"{wanted}, and starting one needs root; start Docker or use sudo")
    return Choice.OWN
