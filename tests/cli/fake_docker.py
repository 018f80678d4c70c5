"""A docker that keeps images and containers in memory and answers in docker's own words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cog_cli.docker import Answer, Followed

OK = Answer(0, "", "")
NO_DAEMON = (
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
    " Is the docker daemon running?"
)


def failure(text: str) -> Answer:
    return Answer(1, "", f"Error response from daemon: {text}\n")


@dataclass
class FakeLog:
    """The log of a container: it ends with the container; ``interrupted``: Ctrl-C comes before."""

    ended: bool = False
    interrupted: bool = False

    def has_ended(self) -> bool:
        return self.ended

    def wait(self) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.ended = True


@dataclass
class FakeDocker:
    """``address`` is where the server of every container is reached, as ``docker port`` says it."""

    images: dict[str, Mapping[str, str]] = field(default_factory=dict)
    remote: dict[str, Mapping[str, str]] = field(default_factory=dict)
    history: tuple[int, ...] = ()
    address: str = "127.0.0.1:1"
    daemon: bool = True
    gpus: bool = True
    taken_ports: frozenset[str] = frozenset()
    ends_at_once: bool = False
    log: FakeLog = field(default_factory=FakeLog)
    build_status: int = 0
    run_status: int = 0
    digest: str | None = "sha256:abc"

    password: str = "secret"
    logins: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    containers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    started: list[tuple[str, ...]] = field(default_factory=list)

    def ask(self, *argv: str, typed: str = "") -> Answer:  # noqa: PLR0911 - one answer per command
        self.calls.append(argv)
        if not self.daemon:
            return Answer(1, "", NO_DAEMON + "\n")
        match argv:
            case ("login", host, "--username", user, "--password-stdin"):
                if typed != self.password:
                    return failure(f"Get https://{host}/v2/: unauthorized")
                self.logins[host] = user
            case ("version", *_):
                return Answer(0, "28.5.2\n", "")
            case ("history", *_):
                return Answer(0, "".join(f"{size}\n" for size in reversed(self.history)), "")
            case ("image", "inspect", name):
                return self._inspect(name)
            case ("create", "--name", name, *_):
                self.containers[name] = argv
            case ("start", name):
                return self._start(self.containers[name])
            case ("port", name, _):
                gone = self.ends_at_once or name not in self.containers
                return failure("no port") if gone else Answer(0, f"{self.address}\n[::1]:1\n", "")
            case ("rm", "--force", "--volumes", name):
                self.containers.pop(name, None)
            case ("stop", "--time", _, _):
                pass
            case _:
                raise AssertionError(f"docker {' '.join(argv)}: no such command")
        return OK

    def show(self, *argv: str, progress_only: bool = False) -> int:
        self.calls.append(argv)
        match argv:
            case ("pull", name):
                if name in self.remote:
                    self.images[name] = self.remote[name]
                return 0 if name in self.remote else 1
            case ("buildx", "build", *_):
                assert progress_only
                return self._build(argv)
            case _:
                raise AssertionError(f"docker {' '.join(argv)}: no such command")

    def attach(self, *argv: str) -> int:
        self.calls.append(argv)
        assert argv[:2] == ("run", "--rm"), f"docker {' '.join(argv)}: no such command"
        if "--gpus" in argv and not self.gpus:
            return 125
        self.started.append(argv)
        return self.run_status

    @contextmanager
    def follow(self, *argv: str) -> Iterator[Followed]:
        self.calls.append(argv)
        assert argv[:2] == ("logs", "--follow")
        assert argv[2] in self.containers
        yield self.log
        assert argv[2] not in self.containers, "the log would not end before its container"

    def _inspect(self, name: str) -> Answer:
        if name not in self.images:
            return failure(f"No such image: {name}")
        config = {"Labels": dict(self.images[name]), "Cmd": ["python", "serve.py"]}
        return Answer(0, json.dumps([{"Config": config}]), "")

    def _start(self, created: tuple[str, ...]) -> Answer:
        port = created[created.index("--publish") + 1].split(":")[1]
        if "--gpus" in created and not self.gpus:
            return failure('could not select device driver "" with capabilities: [[gpu]]')
        if port in self.taken_ports:
            return failure(f"Bind for 127.0.0.1:{port} failed: port is already allocated")
        self.started.append(created)
        return OK

    def _build(self, argv: tuple[str, ...]) -> int:
        if self.build_status == 0 and "--metadata-file" in argv:
            metadata = Path(argv[argv.index("--metadata-file") + 1])
            if self.digest:
                metadata.write_text(json.dumps({"containerimage.digest": self.digest}))
        return self.build_status
