from __future__ import annotations

import re
from pathlib import Path

from cog_frontend.config.model import SUPPORTED_PYTHONS

DOCKERFILE = (Path(__file__).parents[2] / "Dockerfile.frontend").read_text()


def test_the_toolbox_has_a_runtime_for_every_python_that_a_project_may_ask_for() -> None:
    copied = re.findall(r"^COPY --from=runtime-(\S+) (\S+) /runtime/(\S+)$", DOCKERFILE, re.M)
    dependencies = [(python, "/deps", f"{python}/deps") for python in SUPPORTED_PYTHONS]
    assert copied == dependencies + [(python, "/out", python) for python in SUPPORTED_PYTHONS]


def test_each_runtime_is_made_by_the_python_that_it_is_for() -> None:
    stages = re.findall(r"^FROM \S+ python:(\S+)-slim AS runtime-(\S+)$", DOCKERFILE, re.M)
    assert stages == [(python, python) for python in SUPPORTED_PYTHONS]
