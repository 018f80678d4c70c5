"""The documentation is true: its keys are the keys, its code runs, its links lead somewhere."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from cog_cli.main import cli
from cog_cli.project import load
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
def test_python_blocks_run_and_predictors_have_a_schema(
    page: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / "run.py").write_text(text)
    namespace = runpy.run_path(str(tmp_path / "run.py"), run_name=page)
    name = next((each for each in ("Runner", "run") if each in namespace), None)
    if name is None:
        return
    config = tmp_path / "cog.yaml"
    config.write_text(f'build: {{python_version: "3.12"}}\nrun: run.py:{name}\n')
    assert '"Input"' in load(config).schema


def commands_of_cog() -> list[str]:
    """Every line of a shell that calls ``cog``, once."""
    lines = [
        line for kind in ("console", "sh") for _, text in blocks(kind) for line in text.splitlines()
    ]
    found = [part.strip() for line in lines for part in line.removeprefix("$ ").split("|")]
    return sorted({each for each in found if each.startswith("cog ")})


def test_commands_of_cog_are_found() -> None:
    assert len(commands_of_cog()) > 30


@pytest.mark.parametrize("line", commands_of_cog())
def test_a_command_of_cog_can_be_typed(line: str) -> None:
    _, verb, *words = shlex.split(line, comments=True)
    words = words[: words.index(">")] if ">" in words else words
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None, f"there is no cog {verb}"
    command.make_context(verb, words)


def test_the_readmes_predictor_predicts(tmp_path: Path) -> None:
    (text,) = [text for page, text in blocks("python") if page == "README.md"]
    (tmp_path / "run.py").write_text(text)
    runner = runpy.run_path(str(tmp_path / "run.py"))["Runner"]()
    runner.setup()
    assert runner.run("world") == "hello world"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_anchors_are_headings(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^):#]*\.md)?#([\w-]+)\)", page.read_text()):
        headings = re.findall(
            r"^#+ (.+)$", (page.parent / target if target else page).read_text(), re.MULTILINE
        )
        slugs = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
        assert anchor in slugs, f"{page.name}: {target}#{anchor}"


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
