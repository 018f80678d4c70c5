"""What ``cog`` imports before it knows its command: modules are counted, no time is taken."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import cog_cli.main
from cog_cli.lazy import Elsewhere

_PROGRAM = """\
import contextlib, io, json, sys
import click
before = set(sys.modules)
from cog_cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    main(sys.argv[1:])
print(json.dumps(sorted(set(sys.modules) - before)))
"""
OURS = {
    "cog_cli",
    "cog_cli.errors",
    "cog_cli.lazy",
    "cog_cli.main",
    "cog_cli.verb",
    "cog_frontend",
    "cog_frontend.errors",
    "cog_frontend.version",
}


def imported(*argv: str) -> set[str]:
    """The modules that a command loads beyond click and what that needs."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *argv],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("argv", [("--version",), ("--help",), ("biuld",), ("--nope",)])
def test_what_needs_no_command_imports_none(argv: tuple[str, ...]) -> None:
    found = imported(*argv)
    assert {name for name in found if name.startswith("cog_")} == OURS
    others = {name.partition(".")[0] for name in found} - {"cog_cli", "cog_frontend", "click"}
    assert others <= sys.stdlib_module_names, "another package than click is imported"
    # dataclasses, and what click loads late: shutil for the width, difflib for a mistyped name.
    assert len(found - OURS) <= 25, sorted(found - OURS)


def test_a_command_is_imported_to_explain_itself() -> None:
    found = imported("init", "--help")
    assert "cog_cli.verbs.init" in found
    assert "cog_cli.verbs.explain" not in found


def test_every_command_is_where_it_is_said_to_be() -> None:
    for name, command in cog_cli.main.cli.commands.items():
        assert isinstance(command, Elsewhere)
        found = command.load()
        assert found.name == name
        assert found.hidden == command.hidden
