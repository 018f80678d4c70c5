"""Model servers side by side: requests per second, latency, first token, memory, cold start.

    python -m benchmarks.serve                      every peer, every row
    python -m benchmarks.serve --peers cogkit,Mosec --rows echo --rounds 5

Peers are installed from PyPI, each into a virtual environment of its own in a cache folder. Runs
are interleaved: a round asks every peer once, in random order, and what is printed are medians over
the rounds. Two servers of one round met the same weather; absolute figures of a busy machine say
little, ratios more.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.serving.load import Found, Load
from benchmarks.serving.overload import overload
from benchmarks.serving.peers import KINDS, PEERS, ROWS, Peer, Row
from benchmarks.serving.processes import CHECKOUT, PeerError, Server, environment, project, running
from benchmarks.serving.table import Sample, Start, Table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print what it found; return the exit status."""
    options = _parser().parse_args(arguments)
    peers = [peer for peer in PEERS if not options.peers or peer.name in options.peers.split(",")]
    rows = [row for row in ROWS if row.name.startswith(options.rows)]
    table = Table(os.getloadavg()[0])
    with tempfile.TemporaryDirectory(prefix="cogkit-serve-") as folder:
        try:
            ready = [
                (peer, environment(peer, options.cache), project(peer, Path(folder)))
                for peer in peers
            ]
        except PeerError as error:
            _say(str(error))
            return 1
        for number in range(options.rounds):
            for peer, binaries, app in random.sample(ready, len(ready)):
                _say(f"round {number + 1} of {options.rounds}: {peer.name}")
                log = options.cache / f"{peer.name.lower()}.log"
                for kind in KINDS:
                    mine = [row for row in rows if row.kind == kind]
                    if mine:
                        _measure(table, peer, mine, options.seconds, (binaries, app, log))
        if options.overload:
            peer, binaries, app = ready[0]
            log = options.cache / "overload.log"
            with running(peer, "sleep", binaries, app, log) as server:
                server.first_answer()
                table.overload = overload(server, peer, ask, options.overload)
    print(table.json() if options.output == "json" else table.text([p.name for p in peers]))
    return 0


def _measure(
    table: Table, peer: Peer, rows: Sequence[Row], seconds: float, how: tuple[Path, Path, Path]
) -> None:
    """Start a peer once for all rows of one kind and ask it."""
    kind = rows[0].kind
    try:
        with running(peer, kind, *how) as server:
            cold = server.first_answer()
            table.starts.append(
                Start(peer=peer.name, kind=kind, seconds=cold, memory=server.memory())
            )
            for row in rows:
                cpu = server.cpu()
                found = ask(server, peer, row, seconds)
                spent = server.cpu() - cpu
                table.samples.append(Sample.of(peer.name, row, found, spent, server.memory()))
    except PeerError as error:
        _say(str(error))


def ask(server: Server, peer: Peer, row: Row, seconds: float, rate: float = 0.0) -> Found:
    """Put load on a server; the load generator is a process of its own."""
    load = Load(
        port=server.port,
        request=base64.b64encode(peer.request(row.kind, row.text)).decode(),
        marker=row.marker,
        marks=row.marks,
        connections=row.connections,
        seconds=seconds,
        rate=rate,
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving.load"],
        input=json.dumps(asdict(load)).encode(),
        capture_output=True,
        cwd=CHECKOUT,
        check=False,
    )
    if done.returncode:
        raise PeerError(f"{peer.name}, {row.name}: {done.stderr.decode()[-200:]}")
    return Found(**json.loads(done.stdout))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=3, help="runs of every row")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a run")
    parser.add_argument("--peers", default="", help="names with commas between; all by default")
    parser.add_argument("--rows", default="", help="only rows whose name begins so")
    parser.add_argument(
        "--overload",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="ask cogkit ten times as much as it can, for so long",
    )
    parser.add_argument("--output", choices=("text", "json"), default="text")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path.home() / ".cache/cogkit/serve",
        help="folder of the peers' environments and logs",
    )
    return parser  # fmt: skip


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
