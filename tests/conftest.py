"""Golden files: readable expectations that one option rewrites; the diff is reviewed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the expected files with what the code gives now",
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str | bytes], None]:
    """Return ``golden(path, content)``: compare with the file, or rewrite it on --update-golden."""
    update = bool(request.config.getoption("--update-golden"))

    def check(path: Path, content: str | bytes) -> None:
        data = content.encode() if isinstance(content, str) else content
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            return
        assert path.is_file(), f"{path} is missing; write it with: pytest --update-golden"
        found = path.read_bytes().decode("utf-8", "backslashreplace")
        given = data.decode("utf-8", "backslashreplace")
        assert given == found, f"{path} differs from what the code gives"

    return check
