"""The docker program as a child process: the one place where it runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from cog_cli.docker import Answer, Followed
from cog_cli.errors import CliError

# Else buildx looks the provenance up again for the metadata file, after the build.
_SETTINGS = {"BUILDX_METADATA_PROVENANCE": "disabled"}


@dataclass(frozen=True, slots=True)
class DockerCommand:
    """The docker program on PATH; ``env`` is its whole environment.

    Children run in sessions of their own, so that Ctrl-C ends a command in its order: a
    container being created is first created, then removed. A command that should end has
    ``grace`` seconds for it, then it is killed.
    """

    env: Mapping[str, str]
    grace: float = 10.0

    def ask(self, *argv: str, typed: str = "") -> Answer:
        """Run a command to its end, ``typed`` on its stdin, and return what it printed."""
        pipe = subprocess.PIPE
        stdin = pipe if typed else subprocess.DEVNULL
        child = self._start(argv, stdin=stdin, stdout=pipe, stderr=pipe, own=True)
        with child:
            try:
                stdout, stderr = child.communicate(typed.encode() or None)
            except KeyboardInterrupt:
                self._await_end(child)
                raise
        return Answer(child.returncode, stdout.decode(), stderr.decode(errors="replace"))

    def show(self, *argv: str, progress_only: bool = False) -> int:
        """Run a command with its output on stderr; Ctrl-C reaches it too."""
        stdout = subprocess.DEVNULL if progress_only else sys.stderr.fileno()
        child = self._start(argv, stdout=stdout, own=False)
        with child:
            try:
                return child.wait()
            except KeyboardInterrupt:
                self._await_end(child)
                raise

    def attach(self, *argv: str) -> int:
        """Run a command with our stdin, stdout and stderr; Ctrl-C reaches it too."""
        with self._start(argv, stdin=None, stdout=None, own=False) as child:
            try:
                return child.wait()
            except KeyboardInterrupt:
                self._await_end(child)
                raise

    @contextmanager
    def feed(self, *argv: str) -> Iterator[IO[bytes]]:
        """Run a command that reads what the block writes; CliError when it fails."""
        child = self._start(argv, stdin=subprocess.PIPE, stdout=sys.stderr.fileno(), own=True)
        assert child.stdin is not None
        with child:
            try:
                yield child.stdin
                child.stdin.close()
            except BaseException:
                child.kill()
                raise
            if child.wait():
                raise CliError(f"`docker {' '.join(argv)}` failed; the reason is above")

    @contextmanager
    def follow(self, *argv: str) -> Iterator[Followed]:
        """Run a command beside the block, its output on stderr; it ends with the block.

        It has a moment to print what is left.
        """
        child = self._start(argv, stdout=sys.stderr.fileno(), own=True)
        with child:
            try:
                yield _Child(child)
            finally:
                self._await_end(child)

    def _start(
        self,
        argv: tuple[str, ...],
        *,
        stdout: int | None,
        own: bool,
        stdin: int | None = subprocess.DEVNULL,
        stderr: int | None = None,
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                ("docker", *argv),
                env={**_SETTINGS, **self.env},
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=own,
            )
        except FileNotFoundError:
            raise CliError("there is no docker command; install Docker") from None

    def _await_end(self, child: subprocess.Popen[bytes]) -> None:
        try:
            child.wait(self.grace)
        except subprocess.TimeoutExpired:
            child.kill()


@dataclass(frozen=True, slots=True)
class _Child:
    process: subprocess.Popen[bytes]

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self) -> None:
        self.process.wait()
