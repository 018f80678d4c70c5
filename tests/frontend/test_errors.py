"""Broken projects and what their authors are shown: ``tests/errors`` holds one in each file.

A file is the project, each of its files under a line ``-- name --``, and what the build prints
under ``-- shown --``: the places, as clients print them, and the message.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.bridge import FakeBridge
from tests.frontend.test_cases import frontend

FOLDER = Path(__file__).parents[1] / "errors"
CASES = sorted(FOLDER.glob("*.txt"))
SHOWN = "shown"
_HEADING = re.compile(rb"^-- (\S+) --\n", re.MULTILINE)


def read_case(data: bytes) -> dict[str, bytes]:
    _, *parts = _HEADING.split(data)
    return {name.decode(): content for name, content in zip(parts[::2], parts[1::2], strict=True)}


def write_case(files: dict[str, bytes]) -> bytes:
    return b"".join(b"-- %b --\n%b" % (name.encode(), data) for name, data in files.items())


def snippet(source: dict[str, object]) -> str:
    """The lines of a place, marked, as ``Source.Print`` of BuildKit's solver/errdefs shows them."""
    info = source["info"]
    assert isinstance(info, dict)
    lines = b64decode(info.get("data", "")).decode("utf-8", "backslashreplace").splitlines()
    ranges = source["ranges"]
    assert isinstance(ranges, list)
    marked = {
        number
        for each in ranges
        for number in range(each["start"]["line"], each["end"]["line"] + 1)
    }
    shown = "".join(f"  {n} | >>> {lines[n - 1]}\n" for n in sorted(marked) if n <= len(lines))
    return f"{info['filename']}:{min(marked)}\n{shown}"


def what_is_shown(bridge: FakeBridge) -> str:
    assert bridge.returned is not None
    if not bridge.returned.HasField("error"):
        return "nothing: it builds\n"
    error = bridge.error
    places = [json.loads(each.value) for each in error.details if "Source" in each.type_url]
    return "".join([*map(snippet, reversed(places)), f"{error.message}\n"])


def test_there_are_plenty() -> None:
    assert len(CASES) >= 100


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_shown(path: Path, golden: Callable[[Path, str | bytes], None]) -> None:
    files = read_case(path.read_bytes())
    files.pop(SHOWN, None)
    shown = what_is_shown(frontend(files))
    assert "Traceback" not in shown
    assert "internal error" not in shown
    golden(path, write_case({**files, SHOWN: shown.encode()}))
