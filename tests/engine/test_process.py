from __future__ import annotations

import os
from pathlib import Path

import pytest

from integration.engine.daemon import mounts_below
from integration.engine.errors import EngineError
from integration.engine.process import Daemon, last_line, runs_elsewhere, runs_with, wait_for

ENV = {"PATH": os.environ["PATH"]}
# The mark is an argument of its own, as the path of a settings file is for a daemon.
SLEEP = ("sh", "-c", "echo started; while :; do sleep 0.1; done")
SLEEP_STUBBORN = ("sh", "-c", "trap '' TERM; echo started; while :; do sleep 0.1; done")


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path / "run" / "d.pid", str(tmp_path / "settings"))


def test_a_started_process_is_known_by_pid_and_mark_until_it_is_stopped(
    daemon: Daemon, tmp_path: Path
) -> None:
    daemon.start((*SLEEP, daemon.mark), ENV, tmp_path / "log")
    assert daemon.pid() is not None
    assert runs_with(daemon.mark)
    assert wait_for(lambda: (tmp_path / "log").read_text() == "started\n", 5)
    assert daemon.stop() is True
    assert daemon.pid() is None
    assert not daemon.pid_file.exists()


def test_a_daemon_stands_in_a_folder_that_cannot_go_away(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    daemon.start((*SLEEP, daemon.mark), ENV, tmp_path / "log")
    assert wait_for(lambda: (tmp_path / "log").read_text() == "started\n", 5)
    assert Path(f"/proc/{daemon.pid()}/cwd").readlink() == Path("/")
    daemon.stop()


def test_a_process_that_ignores_the_request_to_end_is_killed(
    daemon: Daemon, tmp_path: Path
) -> None:
    daemon.start((*SLEEP_STUBBORN, daemon.mark), ENV, tmp_path / "log")
    assert wait_for(lambda: (tmp_path / "log").read_text() == "started\n", 5)
    assert daemon.stop(grace=0.2) is True
    assert daemon.pid() is None


@pytest.mark.parametrize("text", ["", "not a number", "999999999"])
def test_a_stale_pid_file_names_no_process(daemon: Daemon, text: str) -> None:
    daemon.pid_file.parent.mkdir()
    daemon.pid_file.write_text(text)
    assert daemon.pid() is None
    assert daemon.stop() is False
    assert not daemon.pid_file.exists()


def test_another_process_with_the_same_pid_is_not_ours_and_is_not_stopped(daemon: Daemon) -> None:
    daemon.pid_file.parent.mkdir()
    daemon.pid_file.write_text(str(os.getpid()))
    assert daemon.pid() is None
    assert daemon.stop() is False


def test_a_missing_program_is_an_error(daemon: Daemon, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no-such-daemon: no such program"):
        daemon.start(("no-such-daemon",), ENV, tmp_path / "log")


def test_a_program_of_somebody_else_is_told_from_ours(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start((*SLEEP, daemon.mark), ENV, tmp_path / "log")
    try:
        assert runs_elsewhere("sh", "another mark")
        assert not runs_elsewhere("no-such-daemon", daemon.mark)
    finally:
        daemon.stop()


def test_what_is_started_runs_at_once_and_is_no_longer_what_starts_it(
    daemon: Daemon, tmp_path: Path
) -> None:
    for _ in range(20):
        daemon.start((*SLEEP, daemon.mark), ENV, tmp_path / "log")
        try:
            command = Path(f"/proc/{daemon.pid()}/cmdline").read_bytes()
            assert command.split(b"\0")[0] != b"env"
        finally:
            daemon.stop()


def test_waiting_ends_with_the_last_answer() -> None:
    answers = iter([False, True])
    assert wait_for(lambda: next(answers), 5) is True
    assert wait_for(lambda: False, 0.01) is False


def test_the_last_line_of_a_log_skips_empty_ones(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("first\nlast\n\n")
    assert last_line(tmp_path / "log") == "last"
    assert "is empty" in last_line(tmp_path / "none")


def test_mounts_left_below_a_folder_are_found_last_first() -> None:
    mountinfo = (
        "22 1 254:0 / / rw - ext4 /dev/vda rw\n"
        "31 22 254:0 /c/a/data /c/a/data rw - ext4 /dev/vda rw\n"
        "40 31 0:50 / /c/a/data/overlay/x rw - overlay overlay rw\n"
        "41 22 254:0 /c/ab/data /c/ab/data rw - ext4 /dev/vda rw\n"
    )
    assert mounts_below(mountinfo, Path("/c/a")) == ("/c/a/data/overlay/x", "/c/a/data")
