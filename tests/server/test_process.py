from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
import uvloop

from cog import wire
from cog.server.memory import MemoryKills, kills_in
from cog.server.process import Command, WorkerProcess, describe_exit, state_of
from tests.fakes.fake_link import until

WORKER = """
import os, signal, socket, subprocess, sys, time
args = dict(zip(sys.argv[1::2], sys.argv[2::2]))
server = socket.socket(fileno=int(args["--fd"]))
server.sendall(open(os.path.join(os.path.dirname(__file__), "frames"), "rb").read())
"""

Steps = Callable[[WorkerProcess], Coroutine[None, None, None]]


def run_worker(script: str, steps: Steps, folder: Path, frames: bytes = b"") -> list[wire.ToServer]:
    """Run a worker that sends ``frames`` and then does what ``script`` says."""
    (folder / "worker.py").write_text(WORKER + script)
    (folder / "frames").write_bytes(frames)
    argv = (sys.executable, "-S", "-E", str(folder / "worker.py"))
    said: list[wire.ToServer] = []

    async def main() -> None:
        (folder / "memory.events").write_text("oom 1\noom_kill 1\n")
        command = Command(
            argv=argv,
            cwd=str(folder),
            env={"PATH": os.environ["PATH"]},
            hang_up=0.1,
            memory=MemoryKills((folder / "memory.events",)),
        )
        link = await WorkerProcess.start(command, said.append)
        try:
            await asyncio.wait_for(steps(link), 20)
        finally:
            link.kill()
            await link.exited

    uvloop.run(main())
    return said


def ending_of(script: str, folder: Path, frames: bytes = b"") -> tuple[str, str]:
    found: list[tuple[str, str]] = []

    async def steps(link: WorkerProcess) -> None:
        end = await asyncio.shield(link.exited)
        found.append((end.how, end.last_words))

    run_worker(script, steps, folder, frames)
    return found[0]


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("", "exited with code 0"),
        ("sys.exit(3)", "exited with code 3"),
        ("os._exit(3)", "exited with code 3"),
        ("os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("os.kill(os.getpid(), 11)", "was killed by SIGSEGV (a crash in native code)"),
        ("os.kill(os.getpid(), 6)", "was killed by SIGABRT"),
    ],
)
def test_how_a_worker_ended_is_told(script: str, how: str, tmp_path: Path) -> None:
    assert ending_of(script, tmp_path) == (how, "")


def test_a_kill_for_want_of_memory_is_named(tmp_path: Path) -> None:
    # The kernel's count has grown meanwhile; whose memory it was, it does not say.
    counted = "open('memory.events', 'w').write('oom_kill 2'); "
    how, _ = ending_of(f"{counted}os.kill(os.getpid(), 9)", tmp_path)
    cause = "out of memory: the kernel killed it at the container's memory limit"
    assert how == f"was killed by SIGKILL ({cause})"
    how, _ = ending_of(f"{counted}os._exit(3)", tmp_path)
    assert how == "exited with code 3"
    how, _ = ending_of("os.remove('memory.events'); os.kill(os.getpid(), 9)", tmp_path)
    assert how == "was killed by SIGKILL (probably out of memory)"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\noom_group_kill 0\n", 2),  # v2
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", 7),  # v1
        ("oom_kill_disable 0\nunder_oom 0\n", None),  # before Linux 4.13
        ("", None),
        ("oom_kill many", None),
    ],
)
def test_the_kernels_count_of_memory_kills_is_read(text: str, count: int | None) -> None:
    assert kills_in(text) == count


def test_a_worker_that_is_stopped_is_seen_to_be(tmp_path: Path) -> None:
    async def steps(link: WorkerProcess) -> None:
        assert not link.is_stopped()
        os.kill(link.pid, signal.SIGSTOP)
        await until(link.is_stopped)
        link.kill("did not answer")
        assert (await asyncio.shield(link.exited)).how == "did not answer"
        assert not link.is_stopped()

    run_worker("time.sleep(60)", steps, tmp_path)


def test_the_state_of_a_process_is_found_whatever_its_name() -> None:
    assert state_of("12 (a) R (b)) T 1 12 12") == "T"


def test_an_unknown_signal_is_told_by_number() -> None:
    assert describe_exit(-99) == "was killed by signal 99"
    assert describe_exit(-signal.SIGTERM) == "was killed by SIGTERM"


def test_what_it_printed_and_nobody_read_is_told(tmp_path: Path) -> None:
    script = "os.write(2, b'Fatal \\xff error'); os.write(1, b'out\\n'); os._exit(1)"
    assert ending_of(script, tmp_path) == ("exited with code 1", "out\nFatal \\xff error")


def test_all_it_said_is_heard_before_it_is_gone(tmp_path: Path) -> None:
    messages = [wire.Log(id="a", stream="stdout", data="x" * 5000) for _ in range(100)]
    frames = b"".join(map(wire.encode, messages))

    async def steps(link: WorkerProcess) -> None:
        await asyncio.shield(link.exited)

    assert run_worker("os._exit(1)", steps, tmp_path, frames) == messages


def test_a_worker_that_breaks_the_protocol_is_killed(tmp_path: Path) -> None:
    how, _ = ending_of("time.sleep(60)", tmp_path, b"\x00\x00\x00\x02\x00\x00\x00\x00{}")
    assert how.startswith("broke the protocol (")


def test_messages_reach_the_worker(tmp_path: Path) -> None:
    script = "got = server.recv(1000); os.write(1, got); os._exit(0)"

    async def steps(link: WorkerProcess) -> None:
        link.send(wire.Cancel(id="a"))
        end = await asyncio.shield(link.exited)
        assert '"id":"a"' in end.last_words
        link.send(wire.Cancel(id="too late"))

    run_worker(script, steps, tmp_path)


def test_stop_asks_before_it_kills(tmp_path: Path) -> None:
    async def polite(link: WorkerProcess) -> None:
        await link.stop(10)
        assert link.exited.result().how == "exited with code 7"

    async def deaf(link: WorkerProcess) -> None:
        await link.stop(0.1)
        assert link.exited.result().how.startswith("was killed by SIGKILL")

    run_worker("server.recv(100); os._exit(7)", polite, tmp_path)
    run_worker("time.sleep(60)", deaf, tmp_path)


def test_what_the_worker_has_started_dies_with_it(tmp_path: Path) -> None:
    # The child holds socket and pipes open, as children of multiprocessing do.
    script = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
open("child", "w").write(str(child.pid))
os._exit(1)
"""

    async def steps(link: WorkerProcess) -> None:
        await asyncio.shield(link.exited)

    run_worker(script, steps, tmp_path)
    pid = int((tmp_path / "child").read_text())
    asyncio.run(until(lambda: not alive(pid)))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_worker_is_no_child_of_the_terminal(tmp_path: Path) -> None:
    async def steps(link: WorkerProcess) -> None:
        assert os.getpgid(link.pid) == link.pid
        assert os.getsid(link.pid) == link.pid

    run_worker("time.sleep(60)", steps, tmp_path)


def test_a_worker_that_hangs_up_is_ended(tmp_path: Path) -> None:
    how, _ = ending_of("server.close(); time.sleep(60)", tmp_path)
    assert how == "closed its connection and did not end"


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_cannot_be_started_is_an_os_error_and_leaks_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        before = open_descriptors()
        command = Command(argv=("/nonexistent",), cwd=str(tmp_path), env={})
        with pytest.raises(FileNotFoundError):
            await WorkerProcess.start(command, print)
        assert open_descriptors() == before

    uvloop.run(main())


def test_a_worker_leaves_no_descriptors_behind(tmp_path: Path) -> None:
    before = open_descriptors()
    for _ in range(3):
        ending_of("", tmp_path)
    assert open_descriptors() == before
