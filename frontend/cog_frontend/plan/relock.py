"""Making a lock file again: what is kept of the one there is, and what may move.

As with `uv lock`, a version stays where it still satisfies the requirements.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cog_frontend.config import Config
from cog_frontend.errors import Problem, ProjectError, near
from cog_frontend.plan.lock import locked_names, preferences
from cog_frontend.plan.locked import LOCK_FILE, UV_LOCK
from cog_frontend.plan.requirement_lines import normalised
from cog_frontend.plan.wheel import Target

Read = Callable[[str], "bytes | None"]

ARG_UPGRADE = "COGKIT_UPGRADE"
EVERYTHING = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relock:
    """A lock file that is being made: its ``path`` in the project and what its old text pins.

    ``upgrade`` are the names of packages that may move, ``EVERYTHING`` for all. ``warnings`` are
    for the user and stop nothing.
    """

    path: str = LOCK_FILE
    previous: bytes = b""
    upgrade: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def for_target(self, target: Target) -> Relock:
        """Return the same with a text that holds what ``target`` had, and nothing else."""
        if not self.previous:
            return self
        return replace(self, previous=preferences(self.previous, target, file=self.path))


def lock_path(config: Config, filename: str) -> str:
    """Return where the lock file of a project is written: where its builds look for it.

    Raises ``ProjectError`` where that is a file of uv's.
    """
    named = config.build.lock
    if named is None:
        return LOCK_FILE
    path = posixpath.normpath(named.text)
    if posixpath.basename(path) == UV_LOCK:
        message = f"build.lock: {named.text} is made by uv"
        problem = Problem(file=filename, message=message, hint="run `uv lock`", span=named.span)
        raise ProjectError([problem])
    return path


def read_relock(config: Config, filename: str, read: Read, *, upgrade: str) -> Relock:
    """Return what a new lock starts from; ``upgrade`` are names between commas, or ``*``.

    A lock file that cannot be read pins nothing. Raises ``ProjectError`` for names it lacks.
    """
    path = lock_path(config, filename)
    names = tuple(sorted({normalised(each.strip()) for each in upgrade.split(",") if each.strip()}))
    previous = read(path)
    if EVERYTHING in names or previous is None:
        return Relock(path=path, upgrade=(EVERYTHING,) if names else ())
    try:
        known = locked_names(previous, file=path)
    except ProjectError as error:
        kept = "nothing of it is kept"
        unread = tuple(replace(each, hint=kept) for each in error.problems)
        return Relock(path=path, upgrade=names, warnings=unread)
    if problems := list(_unknown(names, known, path)):
        raise ProjectError(problems)
    return Relock(path=path, previous=previous, upgrade=names)


def _unknown(names: tuple[str, ...], known: frozenset[str], path: str) -> Iterator[Problem]:
    for name in names:
        if name not in known:
            hint = near(name, known) or "what is not in it is resolved anew in any case"
            yield Problem(
                file=path, message=f"{name} cannot be upgraded: it is not locked", hint=hint
            )
