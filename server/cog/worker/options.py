"""How the server wants a worker: the command line and the environment, read once."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cog import wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a worker is told.

    ``fd`` is its socket; ``concurrency`` 0 means what the handler says. ``read_fds`` are the
    reading ends of the pipes that the server has put on descriptors 1 and 2: it keeps them too, and
    so can read the last words of a worker that has crashed. None lets the worker make its own
    pipes. ``root`` is the project's folder; ``weights`` and ``user_agent`` are COG_WEIGHTS and
    COG_USER_AGENT.
    """

    fd: int
    ref: str
    root: Path
    mode: str = "predict"
    concurrency: int = 0
    read_fds: dict[wire.Stream, int] | None = None
    weights: str | None = None
    user_agent: str = ""


def parse(argv: Sequence[str], environ: Mapping[str, str], root: Path) -> Options:
    """Read a worker's options; exits with argparse's message where they are wrong."""
    parser = argparse.ArgumentParser(prog="cog.worker")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--ref", required=True)
    parser.add_argument("--mode", choices=["predict", "train"], default="predict")
    parser.add_argument("--concurrency", type=int, default=0)
    parser.add_argument("--stdout-fd", type=int)
    parser.add_argument("--stderr-fd", type=int)
    given = parser.parse_args(argv)
    has_pipes = given.stdout_fd is not None and given.stderr_fd is not None
    return Options(
        fd=given.fd,
        ref=given.ref,
        root=root,
        mode=given.mode,
        concurrency=given.concurrency,
        read_fds={"stdout": given.stdout_fd, "stderr": given.stderr_fd} if has_pipes else None,
        weights=environ.get("COG_WEIGHTS"),
        user_agent=environ.get("COG_USER_AGENT", ""),
    )
