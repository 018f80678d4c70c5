"""How much processor time the ``cog`` command takes to start, beside Python that does nothing.

    python -m benchmarks.startup [--rounds N]

Every round starts each variant once, in random order. CPU time (user and system) of the process
is compared, which does not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.samples import Round, compare

FLOOR = "python -c pass"
COG = Path(sys.executable).with_name("cog")


def variants(python: str, cog: str) -> dict[str, tuple[str, ...]]:
    """Return the command lines by name: the floor, then what is compared with it."""
    return {
        FLOOR: (python, "-c", "pass"),
        "import click": (python, "-c", "import click"),
        "cog --version": (python, cog, "--version"),
        "cog --help": (python, cog, "--help"),
        "cog build --help": (python, cog, "build", "--help"),
    }


def measure(argv: tuple[str, ...]) -> float:
    """Run a command to its end, its output dropped; return the CPU seconds that it took."""
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    _, status, usage = os.wait4(os.posix_spawn(argv[0], argv, os.environ, file_actions=null), 0)
    if status:
        raise SystemExit(f"{' '.join(argv)} ended with status {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def one_round(commands: Mapping[str, tuple[str, ...]]) -> Round:
    """Return the CPU seconds of each command, run once in random order."""
    return {name: measure(commands[name]) for name in random.sample(list(commands), len(commands))}


def table(rounds: Sequence[Round]) -> str:
    """Return medians, minima and the median ratio to the floor, in ms of CPU time."""
    lines = [f"{'CPU time':20}{'median':>8}{'min':>8}{'ratio':>8}"]
    for name in rounds[0]:
        seconds = [each[name] for each in rounds]
        ratio = compare(rounds, name, FLOOR).ratio
        lines.append(
            f"{name:20}{median(seconds) * 1000:8.0f}{min(seconds) * 1000:8.0f}{ratio:8.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    commands = variants(sys.executable, str(COG))
    one_round(commands)  # files into the page cache, bytecode onto the disk
    found = [one_round(commands) for _ in range(rounds)]
    print(f"{rounds} rounds, ms; load average {os.getloadavg()[0]:.1f}")
    print(table([{name: each[name] for name in commands} for each in found]))


if __name__ == "__main__":
    main()
