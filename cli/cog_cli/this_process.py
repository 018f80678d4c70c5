"""The world outside as this process has it: the one place where it is taken from globals."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from types import FrameType

import click

from cog_cli.app import App
from cog_cli.builder.native import NativeBuilder
from cog_cli.buildx import BuildxBuilder
from cog_cli.model import Clock
from cog_cli.process import DockerCommand
from cog_cli.screen import screen

_FETCH_SECONDS = 30


def this_process() -> App:
    """Return the world of this process: docker on PATH, the clock, the current folder."""
    # A killed command removes its container as an interrupted one does.
    signal.signal(signal.SIGTERM, _terminate)
    docker, shown = DockerCommand(os.environ), screen(os.environ)
    return App(
        docker=docker,
        builder=NativeBuilder(
            env=os.environ,
            home=Path.home(),
            cwd=Path.cwd(),
            screen=shown,
            clock=time.time,
            load=lambda: docker.feed("load", "--quiet"),
        ),
        buildx=BuildxBuilder(docker),
        screen=shown,
        clock=Clock(time.monotonic, time.sleep),
        env=os.environ,
        cwd=Path.cwd(),
        token=lambda: secrets.token_hex(4),
        time=time.time,
        random=secrets.token_bytes,
        git=_git,
        has_terminal=sys.stdin.isatty() and sys.stdout.isatty(),
        fetch=_fetch,
        ask=_ask,
    )


def _git(argv: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(("git", *argv), capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _terminate(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _fetch(url: str, form: bytes | None) -> tuple[int, bytes]:
    # Imported for a login alone: TLS takes a while to load.
    request = import_module("urllib.request")
    try:
        with request.urlopen(url, form, timeout=_FETCH_SECONDS) as answer:
            return answer.status, answer.read()
    except request.HTTPError as error:
        with error:
            return error.code, error.read()


def _ask(text: str, *, hidden: bool) -> str:
    answer: str = click.prompt(text, hide_input=hidden, err=True)
    return answer
