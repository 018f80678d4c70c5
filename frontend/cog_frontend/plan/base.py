"""Decides the image to stand on: it depends on the config alone, so it is asked for first."""

from __future__ import annotations

from cog_frontend.config import Config
from cog_frontend.errors import Span
from cog_frontend.plan.model import Base, Decision


def choose_base(config: Config) -> Base:
    """Return the image to stand on: the project's own, or Python on Debian.

    Never a CUDA image: those have the Python of their Ubuntu, and gigabytes that wheels bring too.
    """
    if config.build.base:
        own = config.build.base
        return Base(ref=own.text, python=config.python_minor, span=own.span, is_own=True)
    span = python_span(config)
    return Base(ref=f"python:{config.python}-slim", python=config.python_minor, span=span)


def python_span(config: Config) -> Span | None:
    """Return the lines that choose the Python; None: it is the default."""
    located = config.build.python_version
    return located.span if located else None


def base_decisions(config: Config) -> tuple[Decision, ...]:
    """Return why this base and this Python."""
    base = choose_base(config)
    if base.is_own:
        reason = "build.base names it"
    else:
        reason = f"Python {config.python} on Debian: wheels bring what they need beyond it"
    chosen = python_span(config)
    why = "build.python_version" if chosen else "the default: build.python_version is not set"
    return (
        Decision(topic="base", value=base.ref, reason=reason, span=base.span),
        Decision(topic="python", value=config.python, reason=why, span=chosen),
    )
