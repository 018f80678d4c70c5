"""The images of this checkout, in the registry the engine reads: ``make image`` runs this."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cog_frontend.config import SUPPORTED_PYTHONS
from integration.engine import EngineError, EngineInfo, ensure_engine

ROOT = Path(__file__).parents[1]
REPOSITORY = "cogkit/frontend"
# Two checkouts that share a registry set it, or each would test the other's images.
TAG_VARIABLE = "COGKIT_FRONTEND_TAG"

# Seconds; no command of the tests takes a tenth of them.
_HANGS = 900


@dataclass(frozen=True, slots=True)
class Images:
    """The reference of the frontend image: what a ``# syntax=`` line may name.

    The toolbox images stand beside it, where the frontend looks for them.
    """

    frontend: str

    def toolbox(self, python: str) -> str:
        """The reference of the toolbox image for a Python such as ``3.12``."""
        return f"{self.frontend}-toolbox-{python}"


def push_images(
    engine: EngineInfo,
    say: Callable[[str], None] = lambda _: None,
    pythons: Sequence[str] = SUPPORTED_PYTHONS,
) -> Images:
    """Build the images from the checkout and push them; layers that exist are not made again."""
    tag = engine.env.get(TAG_VARIABLE, "dev")
    images = Images(frontend=f"{engine.registry}/{REPOSITORY}:{tag}")
    _push(engine, say, "frontend", images.frontend)
    for python in pythons:
        _push(engine, say, "toolbox", images.toolbox(python), "--build-arg", f"PYTHON={python}")
    return images


def _push(
    engine: EngineInfo, say: Callable[[str], None], target: str, reference: str, *options: str
) -> None:
    say(f"building {reference}")
    run_docker(
        engine,
        *("buildx", "build", "--quiet", "--provenance=false", "--file", "Dockerfile.frontend"),
        *("--target", target, *options, "--tag", reference, "--load", "."),
    )
    run_docker(engine, "push", "--quiet", reference)


def run_docker(engine: EngineInfo, *arguments: str, cwd: Path = ROOT) -> str:
    """Run one docker command on the engine and return what it printed.

    Raises ``RuntimeError`` with the command and all its output when it fails, and
    ``subprocess.TimeoutExpired`` when it hangs.
    """
    done = subprocess.run(
        ["docker", *arguments],
        cwd=cwd,
        env=dict(engine.env),
        text=True,
        capture_output=True,
        check=False,
        timeout=_HANGS,
    )
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def _show(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> int:
    """Push the images; return the exit status."""
    try:
        push_images(ensure_engine(), _show)
    except (EngineError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
