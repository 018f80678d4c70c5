"""Help and completion: examples that can be typed, flags by what they are about, three shells."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cog_cli.lazy import Elsewhere
from cog_cli.main import cli, main
from cog_cli.verb import Verb, grouped_options
from tests.cli.conftest import World

VERBS = {
    name: command.load() for name, command in cli.commands.items() if isinstance(command, Elsewhere)
}
EXAMPLES = [line for verb in VERBS.values() if isinstance(verb, Verb) for line in verb.examples]
BIN = Path(sys.executable).parent


def typed(line: str) -> list[str]:
    """The words after ``cog`` in a line of a shell."""
    words = shlex.split(line.replace('"$(', "").replace(')"', ""), comments=True)
    words = words[words.index("cog") + 1 :]
    return words[: words.index(">")] if ">" in words else words


@pytest.mark.parametrize("line", [*EXAMPLES, *cli.examples])
def test_an_example_can_be_typed(line: str) -> None:
    verb, *words = typed(line)
    context = VERBS[verb].make_context(verb, words)
    assert context.info_name == verb


def test_every_command_that_is_listed_has_an_example() -> None:
    listed = {name for name, verb in VERBS.items() if not verb.hidden}
    assert listed == {typed(line)[0] for line in EXAMPLES} - {"train"}


def test_flags_are_in_groups_and_none_is_lost(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.cog("build", "--help") == 0
    shown = capsys.readouterr().out
    caches = shown.partition("\nCaches:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in caches.splitlines()] == [
        *("--no-cache", "--pull", "--cache-from", "--cache-to"),
    ]
    for name, verb in VERBS.items():
        context = click.Context(verb, info_name=name)
        rows = [row for _, rows in grouped_options(verb, context) for row in rows]
        explained = [each for each in verb.get_params(context) if each.get_help_record(context)]
        assert len(rows) == len(explained)


def test_commands_are_in_families(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.cog("--help") == 0
    shown = capsys.readouterr().out
    assert {name for names in cli.families.values() for name in names} <= set(VERBS)
    assert shown.index("Write a project:") < shown.index("init") < shown.index("Make an image:")
    assert "\n  predict" not in shown


@pytest.mark.parametrize(
    ("shell", "mark"),
    [("bash", "complete -o nosort"), ("zsh", "#compdef cog"), ("fish", "complete --no-files")],
)
def test_a_shell_gets_its_script(
    world: World, shell: str, mark: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.cog("completion", shell) == 0
    shown = capsys.readouterr().out
    assert mark in shown
    assert f"_COG_COMPLETE={shell}_complete" in shown
    assert world.stderr == ""


def test_an_unknown_shell_is_told_with_those_there_are(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.cog("completion", "tcsh") == 2
    assert "'bash', 'fish', 'zsh'" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("cog bu", ["build"]),
        ("cog pre", []),
        ("cog init --template s", ["sklearn"]),
        ("cog build --cache-", ["--cache-from", "--cache-to"]),
    ],
)
def test_bash_completes(words: str, found: list[str]) -> None:
    script = (
        f'eval "$(cog completion bash)"; COMP_WORDS=({words}); '
        f"COMP_CWORD={len(words.split()) - 1}; "
        '_cog_completion cog; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == found
    assert done.stderr == ""


def test_words_are_completed_without_importing_a_command() -> None:
    program = (
        "import sys; from cog_cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted(sys.modules))"
    )
    asking = {"_COG_COMPLETE": "bash_complete", "COMP_WORDS": "cog ", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **asking, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "plain,completion" in done.stdout
    assert "plain,predict" not in done.stdout
    assert "cog_cli.verbs" not in done.stdout
    assert "rich" not in done.stdout


def test_the_shell_is_asked_for_files_where_a_file_is_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (
        ("_COG_COMPLETE", "bash_complete"),
        ("COMP_WORDS", "cog build -f co"),
        ("COMP_CWORD", "3"),
    ):
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main([])
    assert capsys.readouterr().out == "file,co\n"
