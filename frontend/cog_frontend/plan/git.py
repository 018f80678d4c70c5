"""git, where packages come from repositories: commands stand on it, and no image holds it."""

from __future__ import annotations

from cog_frontend.errors import Span
from cog_frontend.plan.lock import Package
from cog_frontend.plan.model import Layer
from cog_frontend.plan.system import apt_step

NAME = "git"

Env = tuple[tuple[str, str], ...]


def is_repository(package: Package) -> bool:
    """Whether a locked package comes from a repository."""
    return package.kind == "vcs"


def git_layer(env: Env, *, agent: bool, span: Span | None) -> Layer:
    """The layer with git, and with an SSH client where there is an ``agent`` to use it with.

    A base that has them needs no Debian packages, and may be none of Debian's.
    """
    names, programs = (("git", "openssh-client"), ("git", "ssh")) if agent else (("git",), ("git",))
    step = apt_step(names, env, stage=NAME, span=span, unless=programs)
    return Layer(name=NAME, steps=(step,), kept=False)
