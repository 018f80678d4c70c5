"""Who the model runs as: ``build.user``, and a home for one that the image does not know."""

from __future__ import annotations

from cog_frontend.config import Located
from cog_frontend.plan.model import Folder, Layer, Write

HOME = "/home/cog"


def home_layer(user: Located | None) -> Layer | None:
    """A folder of the user's own; None for root and for a name, whose home the image has.

    The source stays root's: a folder that changes hands would be in the image twice.
    """
    if (ids := _ids(user)) is None or user is None:
        return None
    uid, gid = ids
    write = Write(
        title=f"[user] make {HOME} for {user.text}",
        folders=(Folder(path=HOME, uid=uid, gid=gid),),
        span=user.span,
    )
    return Layer(name="user", steps=(write,))


def home_env(user: Located | None) -> tuple[tuple[str, str], ...]:
    """What tells programs of that folder: without it a container has ``/`` for one's home."""
    return (("HOME", HOME),) if _ids(user) else ()


def _ids(user: Located | None) -> tuple[int, int] | None:
    """The numbers of a user; None for no user, root, or a name. Without a group it is root's."""
    if user is None:
        return None
    uid, _, gid = user.text.partition(":")
    if not uid.isdecimal() or int(uid) == 0:
        return None
    return int(uid), int(gid) if gid.isdecimal() else 0
