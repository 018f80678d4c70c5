"""The frontend and toolbox images of this checkout, in the registry the engine reads."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from integration.engine import EngineInfo

ROOT = Path(__file__).parents[1]
NAME = "cogkit/frontend:dev"


@dataclass(frozen=True, slots=True)
class Images:
    """References of the two images: what a ``# syntax=`` line and a build argument may name."""

    frontend: str
    toolbox: str


def push_images(engine: EngineInfo, say: Callable[[str], None] = lambda _: None) -> Images:
    """Build both images from the checkout and push them; layers that exist are not made again."""
    frontend = f"{engine.registry}/{NAME}"
    images = Images(frontend=frontend, toolbox=f"{frontend}-toolbox")
    for target, reference in (("toolbox", images.toolbox), ("frontend", images.frontend)):
        say(f"building {reference}")
        run_docker(
            engine,
            *("buildx", "build", "--quiet", "--provenance=false", "--file", "Dockerfile.frontend"),
            *("--target", target, "--tag", reference, "--load", "."),
        )
        run_docker(engine, "push", "--quiet", reference)
    return images


def run_docker(engine: EngineInfo, *arguments: str, cwd: Path = ROOT) -> str:
    """Run one docker command on the engine and return what it printed.

    Raises ``RuntimeError`` with the command and all its output when it fails.
    """
    done = subprocess.run(
        ["docker", *arguments],
        cwd=cwd,
        env=dict(engine.env),
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()
