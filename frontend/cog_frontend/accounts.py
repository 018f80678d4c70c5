"""Whether an image knows the user and the group it is to run as: passwd(5) and group(5)."""

from __future__ import annotations

from cog_frontend.config import Located
from cog_frontend.errors import Problem, ProjectError
from cog_frontend.gateway import Bridge, Ref

PASSWD = "etc/passwd"  # noqa: S105 - the name of a file
GROUP = "etc/group"


def named_files(user: Located | None) -> tuple[str, ...]:
    """The files of the image that must know the names in ``build.user``; numbers need none."""
    if user is None:
        return ()
    name, _, group = user.text.partition(":")
    named = ((name, PASSWD), (group, GROUP))
    return tuple(file for word, file in named if word and not word.isdecimal())


def unknown_name(user: Located, file: str, content: bytes | None, filename: str) -> Problem | None:
    """The problem with a name that ``content`` of one of the files does not hold."""
    name, _, group = user.text.partition(":")
    wanted = name if file == PASSWD else group
    lines = (content or b"").decode("utf-8", "replace").splitlines()
    if wanted in {line.partition(":")[0] for line in lines}:
        return None
    make = f"useradd --create-home {wanted}" if file == PASSWD else f"groupadd {wanted}"
    return Problem(
        file=filename,
        message=f"build.user: {wanted!r} is not in /{file} of the image",
        hint=f"add `{make}` to build.run, or write a number",
        span=user.span,
    )


def check(bridge: Bridge, ref: Ref | None, user: Located | None, filename: str) -> None:
    """Refuse a user that the finished image does not know: its containers could not start.

    Raises ``ProjectError`` at the line of the config ``filename``.
    """
    for file in named_files(user):
        content = None if ref is None else bridge.read_file_optional(ref, file)
        assert user is not None  # without one no file is named
        problem = unknown_name(user, file, content, filename)
        if problem:
            raise ProjectError([problem])
