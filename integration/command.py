"""The ``cog`` command of this checkout, as a user runs it against an engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from integration.conftest import Workplace

COG = str(Path(sys.executable).with_name("cog"))


def cog(
    place: Workplace, folder: Path, *words: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run it in a folder, with the images of this checkout; return how it ended."""
    return subprocess.run(
        [COG, *words],
        cwd=folder,
        env={**place.engine.env, "COGKIT_FRONTEND": place.images.frontend, **env},
        text=True,
        capture_output=True,
        check=False,
    )
