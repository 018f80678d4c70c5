"""The documentation is true: its keys are the keys, its YAML parses, its links lead somewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cog_frontend.config import config_keys, read_config
from tools.reference import pages

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("benchmarks/*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (page.name, text)
        for page in PAGES
        for found, text in BLOCK.findall(page.read_text())
        if found == language
    ]


@pytest.mark.parametrize(("page", "text"), blocks("yaml"))
def test_yaml_blocks_are_configs(page: str, text: str) -> None:
    assert read_config(text.encode(), page).python


@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_python_blocks_parse(page: str, text: str) -> None:
    assert ast.parse(text, page).body


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs/config.md").read_text()
    assert sorted(key for key in config_keys() if f"`{key}`" not in text) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", page.read_text()))
    assert named <= targets


@pytest.mark.parametrize("name", pages())
def test_references_are_what_the_programs_say(
    name: str, golden: Callable[[Path, str], None]
) -> None:
    golden(ROOT / name, pages()[name])
