"""One version: the build side and the runtime never import each other, so a test compares."""

from __future__ import annotations

import cog
from cog_frontend.version import VERSION


def test_the_runtime_and_the_frontend_are_of_one_version() -> None:
    assert cog.__version__ == VERSION
