"""``python -m integration.engine``: the engine from a shell or a Makefile."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from integration.engine.engine import Engine, EngineInfo
from integration.engine.errors import EngineError
from integration.engine.layout import Kind, Store, Suite, kind


def exports(info: EngineInfo) -> str:
    """Return shell lines for ``eval``: they make the engine the one that docker means."""
    lines = [f"unset {name}" for name in info.unset]
    lines += [f"export {name}={shlex.quote(info.exports[name])}" for name in sorted(info.exports)]
    if info.path:
        folders = ":".join(shlex.quote(str(folder)) for folder in info.path)
        lines.append(f'export PATH={folders}:"$PATH"')
    return "".join(f"{line}\n" for line in lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m integration.engine", description=__doc__)
    parser.add_argument("verb", choices=("up", "down", "env", "status"))
    parser.add_argument("--suite", choices=tuple(Suite), default=None, help="default: sid")
    parser.add_argument("--store", choices=tuple(Store), default=None, help="default: containerd")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit status."""
    args = _parser().parse_args(argv)
    engine = Engine.here()
    try:
        sys.stdout.write(_run(engine, args))
    except EngineError as error:
        sys.stderr.write(f"engine: {error}\n")
        return 1
    return 0


def _run(engine: Engine, args: argparse.Namespace) -> str:
    if args.verb == "status":
        return "".join(
            f"{line.name}: {line.version or 'down'} ({line.endpoint})\n" for line in engine.status()
        )
    if args.verb == "down":
        stopped = engine.down(_selected(args.suite, args.store))
        return f"stopped {', '.join(stopped) or 'nothing'}\n"
    info = engine.up(kind(args.suite or Suite.SID, args.store or Store.CONTAINERD))
    if args.verb == "env":
        return exports(info)
    owner = "own" if info.own else "already there"
    return f"Engine {info.version} at {info.docker_host} ({owner}), registry {info.registry}\n"


def _selected(suite: str | None, store: str | None) -> tuple[Kind, ...]:
    """Return the kinds to stop: all of them unless one of the options narrows it."""
    return tuple(
        Kind(each, where)
        for each in Suite
        for where in Store
        if suite in {None, each} and store in {None, where}
    )


if __name__ == "__main__":
    sys.exit(main())
