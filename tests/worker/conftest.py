from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cog import wire
from tests.fakes.worker_driver import WorkerDriver

Start = Callable[..., WorkerDriver]


class Stage:
    """One worker for many tests: its handler runs the code that it is given.

    The code defines ``f``, which is called; a generator's items are yielded.
    """

    def __init__(self, worker: WorkerDriver) -> None:
        self.worker = worker
        self._count = 0

    def start(self, code: str) -> str:
        """Start a prediction and return its id."""
        self._count += 1
        self.worker.start(f"play-{self._count}", code=textwrap.dedent(code))
        return f"play-{self._count}"

    def play(self, code: str) -> tuple[wire.Done, str]:
        """Run code to its end and return how it ended and what it logged."""
        name = self.start(code)
        return self.worker.done(name), self.worker.logs(name)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    (folder / "predict.py").write_text(
        "def run(code: str):\n"
        "    namespace = {}\n"
        "    exec(code, namespace)\n"
        "    return namespace['f']()\n"
    )
    with WorkerDriver(folder, "predict.py:run") as worker:
        yield Stage(worker)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    return folder


@pytest.fixture
def start(project: Path) -> Iterator[Start]:
    """Give a function that starts a worker on a ``predict.py`` with the given source."""
    with ExitStack() as stack:

        def start_worker(
            source: str, *options: str, ref: str = "predict.py:Predictor", **more: Any
        ) -> WorkerDriver:
            (project / "predict.py").write_text(textwrap.dedent(source))
            return stack.enter_context(WorkerDriver(project, ref, *options, **more))

        yield start_worker
