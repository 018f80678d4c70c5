"""Where an image is pushed and what its labels say of the push. Decisions, no I/O.

The rules are Cog's: an ``image`` is a whole reference; a ``model`` is a repository whose tags are
given by the environment, or by the time.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cog_cli.errors import UsageProblem
from cog_cli.project import Project

PUSH_ID = "run.cog.push_id"
_REVISION = "org.opencontainers.image.revision"
_VERSION = "org.opencontainers.image.version"
_WHOLE = "COG_MODEL"
_PARTS = ("COG_MODEL_REGISTRY", "COG_MODEL_REPO", "COG_MODEL_TAG")
# Cog keeps these tags for weights.
_RESERVED = "cog-"

Git = Callable[[tuple[str, ...]], str]
"""Runs git with arguments in the project and returns what it printed, "" where it fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The Unix time of a push, and 10 random bytes for its id."""

    seconds: float
    random: bytes


def push_target(
    project: Project, argument: str | None, env: Mapping[str, str], moment: Moment
) -> str:
    """Return the reference to push to; CliError where nothing, or too much, names it."""
    config = project.config
    given = [name for name in (_WHOLE, *_PARTS) if env.get(name)]
    if not given and config.model is None:
        name = argument or (config.image.text if config.image else "")
        if not name:
            raise UsageProblem(
                f"nothing says where to push: write `cog push IMAGE`, or 'image' or 'model' in "
                f"{project.file.name}"
            )
        return name
    if argument:
        what = given[0] if given else f"'model' in {project.file.name}"
        raise UsageProblem(f"{what} says where to push: leave out {argument}, or set {_WHOLE}")
    if config.image:
        raise UsageProblem(
            f"both 'image' in {project.file.name} and {given[0]} say where to push: "
            f"write 'model' instead of 'image', or unset {given[0]}"
        )
    return _model_target(config.model.text if config.model else "", env, moment)


def _model_target(model: str, env: Mapping[str, str], moment: Moment) -> str:
    if whole := env.get(_WHOLE):
        repository, tag = _split_tag(whole)
        if "@" in whole:
            raise UsageProblem(f"{_WHOLE}={whole}: a digest cannot be pushed to")
    else:
        registry, repository = _split_registry(model)
        registry = env.get(_PARTS[0]) or registry
        repository = env.get(_PARTS[1]) or repository
        tag = env.get(_PARTS[2], "")
        if not repository:
            raise UsageProblem(f"no repository to push to: set {_PARTS[1]} or {_WHOLE}")
        repository = f"{registry}/{repository}" if registry else repository
    if tag.startswith(_RESERVED):
        raise UsageProblem(f"tag '{tag}': tags that begin with '{_RESERVED}' are reserved")
    tag = tag or datetime.fromtimestamp(moment.seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{repository}:{tag}"


def _split_registry(name: str) -> tuple[str, str]:
    """Docker's rule: the first part is a host if it looks like one (distribution/reference)."""
    first, slash, rest = name.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return (first, rest) if is_host else ("", name)


def _split_tag(name: str) -> tuple[str, str]:
    head, colon, tag = name.rpartition(":")
    # A colon before a slash is a port.
    return (head, tag) if colon and "/" not in tag else (name, "")


def push_labels(env: Mapping[str, str], git: Git, moment: Moment) -> tuple[tuple[str, str], ...]:
    """Return the labels of a push: its id and, where they are known, revision and version."""
    revision = env.get("GITHUB_SHA") or git(("rev-parse", "HEAD"))
    version = env.get("GITHUB_REF_NAME") or git(("describe", "--tags", "--dirty"))
    found = ((PUSH_ID, uuid7(moment)), (_REVISION, revision), (_VERSION, version))
    return tuple((name, value) for name, value in found if value)


def uuid7(moment: Moment) -> str:
    """Return a UUID of version 7 (RFC 9562): milliseconds, then randomness."""
    value = int(moment.seconds * 1000) << 80 | int.from_bytes(moment.random)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))
