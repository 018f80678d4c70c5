"""The real runner of docker commands, with a script in docker's place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cog_cli.process import DockerCommand


def docker(folder: Path, script: str, grace: float = 10.0) -> DockerCommand:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return DockerCommand({"PATH": f"{folder}:/usr/bin:/bin"}, grace)


def test_an_answer_holds_what_the_command_printed(tmp_path: Path) -> None:
    answer = docker(tmp_path, 'echo "out $1"; echo err >&2; exit 3').ask("version")
    assert (answer.status, answer.stdout, answer.stderr) == (3, "out version\n", "err\n")


def test_a_secret_is_typed_and_in_no_argument(tmp_path: Path) -> None:
    answer = docker(tmp_path, 'read word; echo "$word $*"').ask("login", typed="secret\n")
    assert answer.stdout == "secret login\n"


def test_what_is_shown_goes_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = docker(tmp_path, "echo out; echo err >&2; exit 4")
    assert command.show("pull", "x") == 4
    assert capfd.readouterr() == ("", "out\nerr\n")
    assert command.show("buildx", "build", progress_only=True) == 4
    assert capfd.readouterr() == ("", "err\n")


def test_an_attached_command_has_our_streams(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert docker(tmp_path, "echo out; echo err >&2; exit 5").attach("run", "x") == 5
    assert capfd.readouterr() == ("out\n", "err\n")


def test_a_followed_command_prints_what_is_left_before_the_block_is_over(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = docker(tmp_path, "echo first; sleep 0.2; echo last")
    with command.follow("logs", "-f", "x") as log:
        assert not log.has_ended()
    assert capfd.readouterr().err == "first\nlast\n"


def test_a_followed_command_may_end_of_itself(tmp_path: Path) -> None:
    with docker(tmp_path, "exit 0").follow("logs") as log:
        log.wait()
        assert log.has_ended()


def test_a_command_that_does_not_end_is_killed(tmp_path: Path) -> None:
    started = time.monotonic()
    with docker(tmp_path, "exec sleep 60", grace=0.1).follow("logs"):
        pass
    assert time.monotonic() - started < 30
