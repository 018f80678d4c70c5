from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cog_cli.app import App
from cog_cli.buildx import BuildxBuilder
from cog_cli.main import main
from cog_cli.model import Clock
from cog_cli.screen import Screen
from tests.cli.fake_builder import FakeBuilder
from tests.cli.fake_docker import FakeDocker
from tests.cli.fake_model import FakeModel, serving


def openapi(inputs: dict[str, Any], output: dict[str, Any], *required: str) -> str:
    """An OpenAPI document as the schema generator writes it, as far as the command reads it."""
    properties = {name: {"x-order": n, **each} for n, (name, each) in enumerate(inputs.items())}
    model = {"type": "object", "properties": properties, "required": list(required)}
    return json.dumps({"components": {"schemas": {"Input": model, "Output": output}}})


@dataclass
class World:
    """The command in a folder of its own, with docker and a model that are fakes."""

    docker: FakeDocker
    builder: FakeBuilder
    model: FakeModel
    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    git: dict[str, str] = field(default_factory=dict)
    web: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    fetched: list[tuple[str, bytes | None]] = field(default_factory=list)
    terminal: bool = False
    now: float = 0.0
    interrupted_after: float | None = None
    stderr: str = ""

    def image(self, name: str, schema: str, **labels: str) -> None:
        self.docker.images[name] = {"run.cog.openapi_schema": schema, **labels}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def cog(self, *argv: str) -> int:
        """Run ``cog``; what it says on stderr is in ``stderr``, stdout is the process's."""
        shown = io.StringIO()
        console = Console(file=shown, force_terminal=self.terminal, no_color=True, width=80)
        numbers = count(1)
        app = App(
            docker=self.docker,
            builder=self.builder,
            buildx=BuildxBuilder(self.docker),
            screen=Screen(console),
            clock=Clock(lambda: self.now, self._sleep),
            env=self.env,
            cwd=self.folder,
            token=lambda: str(next(numbers)),
            time=lambda: 1_767_225_600.5,  # 2026-01-01T00:00:00.5Z
            random=lambda size: bytes(range(size)),
            git=lambda argv: self.git.get(argv[0], ""),
            has_terminal=self.terminal,
            fetch=self.fetch,
            ask=self._ask,
        )
        status = main(argv, app)
        self.stderr = shown.getvalue()
        return status

    def fetch(self, url: str, form: bytes | None) -> tuple[int, bytes]:
        self.fetched.append((url, form))
        if url not in self.web:
            raise ConnectionRefusedError("refused")
        return self.web[url]

    def _ask(self, text: str, *, hidden: bool) -> str:
        assert hidden == (text != "Username")
        return self.answers[text]

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.interrupted_after is not None and self.now > self.interrupted_after:
            raise KeyboardInterrupt


@pytest.fixture
def model() -> Iterator[FakeModel]:
    with serving() as server:
        yield server


@pytest.fixture
def world(model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Every container that was made must be gone at the end of every test."""
    folder = tmp_path / "My Project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    world = World(FakeDocker(address=model.address), FakeBuilder(), model, folder)
    yield world
    assert world.docker.containers == {}


@pytest.fixture
def schema() -> Callable[..., str]:
    return openapi
