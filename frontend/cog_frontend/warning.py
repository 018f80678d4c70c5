"""Warnings: what stops no build, shown beside the step that loads the config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import buildkit_llb as llb
from cog_frontend.convert import lines
from cog_frontend.errors import Problem
from cog_frontend.gateway import Bridge
from cog_frontend.options import Options


def show_problems(
    bridge: Bridge, digest: str, problems: Iterable[Problem], sources: Mapping[str, bytes]
) -> None:
    """Show problems at the vertex ``digest``, with their lines of those ``sources`` that are known.

    ``sources`` are files by the names that problems use.
    """
    for problem in problems:
        data = sources.get(problem.file)
        bridge.warn(
            digest,
            str(problem),
            info=None if data is None else llb.SourceInfo(filename=problem.file, data=data),
            ranges=() if data is None or problem.span is None else (lines(problem.span),),
        )


def show_idle_arguments(bridge: Bridge, digest: str, options: Options) -> None:
    """Show the build arguments that change nothing, at the vertex ``digest``."""
    if not options.build_args:
        return
    from cog_frontend.build_args import without_effect  # noqa: PLC0415 - few builds have some

    for text in without_effect(options):
        bridge.warn(digest, text)
