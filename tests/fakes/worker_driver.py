"""The server's side of a real worker process: starts it, speaks to it, keeps what it said."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import cog
from cog import wire

SCRIPT = Path(cog.__file__).parent / "worker" / "__main__.py"

PYTHON = os.environ.get("COGKIT_WORKER_PYTHON") or sys.executable
"""The interpreter of the workers: the tests' own unless the environment names another."""

M = TypeVar("M", bound=wire.ToServer)


class WorkerDriver:
    """A worker on a project folder. ``messages`` holds all that it has said, in order.

    Every wait ends with an AssertionError after ``timeout`` seconds, showing the messages.
    """

    def __init__(
        self,
        project: Path,
        ref: str,
        *options: str,
        python: str = PYTHON,
        env: dict[str, str] | None = None,
        timeout: float = 20.0,
    ) -> None:
        self.messages: list[wire.ToServer] = []
        self.project = project
        self._timeout = timeout
        self._receiver = wire.Receiver(wire.TO_SERVER)
        self.socket, child = socket.socketpair()
        with child:
            self.process = subprocess.Popen(
                [python, str(SCRIPT), "--fd", str(child.fileno()), "--ref", ref, *options],
                cwd=project,
                env={**os.environ, **(env or {})},
                pass_fds=[child.fileno()],
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.socket.close()
        self.process.kill()
        self.process.wait()

    def send(self, message: wire.ToWorker) -> None:
        self.socket.sendall(wire.encode(message))

    def ready(self) -> wire.Ready:
        return self.wait(wire.Ready)

    def start(
        self,
        prediction_id: str = "p",
        /,
        *,
        context: dict[str, str] | None = None,
        **inputs: object,
    ) -> None:
        self.ready()
        folder = self.project / ".predictions" / prediction_id
        folder.mkdir(parents=True, exist_ok=True)
        values = {name: wire.escape(value) for name, value in inputs.items()}
        self.send(
            wire.Predict(id=prediction_id, input=values, context=context or {}, dir=str(folder))
        )

    def predict(self, prediction_id: str = "p", /, **inputs: object) -> wire.Done:
        self.start(prediction_id, context=None, **inputs)
        return self.done(prediction_id)

    def done(self, prediction_id: str = "p") -> wire.Done:
        return self.wait(wire.Done, lambda done: done.id == prediction_id)

    def logs(self, prediction_id: str | None = "p", stream: str | None = None) -> str:
        """Return what has been logged so far for a prediction (None: for none)."""
        return "".join(
            message.data
            for message in self.messages
            if isinstance(message, wire.Log)
            and message.id == prediction_id
            and stream in (None, message.stream)
        )

    def outputs(self, prediction_id: str = "p") -> list[object]:
        """Return the items that have been yielded so far."""
        found = [
            message
            for message in self.messages
            if isinstance(message, wire.Output) and message.id == prediction_id
        ]
        assert [message.index for message in found] == list(range(len(found)))
        return [message.value for message in found]

    def wait_log(self, text: str, prediction_id: str | None = "p") -> None:
        self.wait_until(lambda: text in self.logs(prediction_id))

    def wait(self, kind: type[M], where: Callable[[M], bool] = lambda _message: True) -> M:
        """Return the first message of a kind, past or to come."""
        found: list[M] = []

        def look() -> bool:
            found.extend(each for each in self.messages if isinstance(each, kind) and where(each))
            return bool(found)

        self.wait_until(look)
        return found[0]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._timeout
        while not condition():
            left = deadline - time.monotonic()
            heard = left > 0 and self._receive(left)
            assert heard, f"the worker said only: {self.messages}"

    def wait_exit(self) -> int:
        return self.process.wait(self._timeout)

    def drain(self) -> None:
        """Take everything up to the end of the stream."""
        while self._receive(self._timeout):
            pass

    def _receive(self, timeout: float) -> bool:
        if not select.select([self.socket], [], [], timeout)[0]:
            return False
        data = self.socket.recv(1 << 20)
        self.messages.extend(self._receiver.receive(data))
        return bool(data)
