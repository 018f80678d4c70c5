"""One version: the build side and the runtime never import each other, so a test compares."""

from __future__ import annotations

import cog
from cog_frontend.version import VERSION, frontend_of


def test_the_runtime_and_the_frontend_are_of_one_version() -> None:
    assert cog.__version__ == VERSION


def test_a_release_names_its_own_frontend_and_a_checkout_the_one_it_pushed() -> None:
    assert frontend_of("1.2.3") == "ghcr.io/cogkit/frontend:1.2.3"
    assert frontend_of("1.3.0.dev0") == "localhost:5000/cogkit/frontend:dev"
