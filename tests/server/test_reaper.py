from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import asyncio, ctypes, os, subprocess, sys, uvloop
from cog.server.reaper import Reaper

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: as if we were process 1

def states():
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                name, _, rest = open(f"/proc/{pid}/stat").read().rpartition(")")
            except OSError:
                continue
            state, parent = rest.split()[:2]
            if int(parent) == os.getpid():
                yield state

async def main():
    ours = subprocess.Popen(["sleep", "0"])
    Reaper({ours.pid}).start()
    orphan = await asyncio.create_subprocess_exec("sh", "-c", "sleep 0.1 & exit 3")
    assert await orphan.wait() == 3, "asyncio waits for its own"
    for _ in range(200):
        await asyncio.sleep(0.05)
        if list(states()) == ["Z"]:
            break
    print(list(states()), ours.wait())

uvloop.run(main())
"""


def test_what_others_left_behind_is_reaped_and_what_is_ours_is_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "server"), "PATH": "/usr/bin:/bin"},
    )
    assert done.stdout == "['Z'] 0\n"
