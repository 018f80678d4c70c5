"""Every promise and every difference from Cog names tests, and they exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PROMISES = [
    line
    for page in ("guarantees.md", "from-cog.md")
    for line in (DOCS / page).read_text().splitlines()
    if line.startswith("- ")
]
LINK = re.compile(r"\]\((\.\./[^)#]+)#(\w+)\)")


def names_in(path: Path) -> set[str]:
    """The names of the tests of a module, state machines too."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return {name for name in names if name.startswith("test_")}


def test_there_are_promises() -> None:
    assert len(PROMISES) > 60


@pytest.mark.parametrize("promise", PROMISES, ids=lambda line: line[2:50])
def test_a_promise_is_linked_to_tests_that_exist(promise: str) -> None:
    links = LINK.findall(promise)
    assert links, "each promise names its test"
    missing = [f"{path}#{name}" for path, name in links if name not in names_in(DOCS / path)]
    assert missing == []


def test_the_tests_of_a_module_are_found() -> None:
    assert "test_the_tests_of_a_module_are_found" in names_in(Path(__file__))
