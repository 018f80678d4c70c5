from __future__ import annotations

import io

import pytest
from rich.console import Console

from cog_cli.errors import CliError
from cog_cli.main import cli
from cog_cli.process import DockerCommand
from cog_cli.screen import Screen, screen
from cog_frontend.version import VERSION
from tests.cli.conftest import World


@pytest.mark.parametrize("command", [None, *sorted(cli.commands)])
def test_every_command_explains_itself(
    world: World, command: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.cog(*([command] if command else []), "--help") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: cog")
    assert "130 interrupted" in shown


def test_the_version(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.cog("--version") == 0
    assert capsys.readouterr().out == f"cog version {VERSION} (cogkit)\n"


@pytest.mark.parametrize("argv", [["biuld"], ["build", "--nope"], ["serve", "-p"]])
def test_wrong_usage_is_status_2(
    world: World, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.cog(*argv) == 2
    assert "Error: " in capsys.readouterr().err


def test_a_missing_docker_command_is_one_line(tmp_path: object) -> None:
    with pytest.raises(CliError, match="there is no docker command; install Docker"):
        DockerCommand({"PATH": "/nonexistent"}).ask("version")


@pytest.mark.parametrize("name", ["NO_COLOR", "COG_NO_COLOR"])
def test_colours_can_be_switched_off(name: str) -> None:
    assert screen({name: "1"}).console.no_color
    assert not screen({}).console.no_color


def test_texts_are_shown_as_they_are_whatever_brackets_they_hold() -> None:
    shown = io.StringIO()
    Screen(Console(file=shown, width=20)).error("[bold]list[int][/bold] " + "x" * 40)
    assert shown.getvalue() == "error: [bold]list[int][/bold] " + "x" * 40 + "\n"
