"""The docker command: every argument list and what its answers mean.

Commands elsewhere say what they want in these words; none of them spells a docker flag.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from cog_cli.build import BuildRequest, Output
from cog_cli.errors import CliError, UsageProblem

# The port that a Cog image listens on.
_MODEL_PORT = 5000
# Shared memory of a model's container, as Cog gives it: data loaders need more than Docker's 64 MB.
_SHM_SIZE = "6g"
# Where the project is in an image.
_PROJECT = "/src"
# The status of `docker run` when the daemon did not run the command.
_NOT_STARTED = 125


@dataclass(frozen=True, slots=True)
class Answer:
    """How a docker command ended."""

    status: int
    stdout: str
    stderr: str


class Followed(Protocol):
    """A command that runs beside us."""

    def has_ended(self) -> bool:
        """Whether the command has ended of itself."""
        ...

    def wait(self) -> None:
        """Return when the command has ended of itself."""
        ...


class Docker(Protocol):
    """Runs ``docker`` with the arguments given."""

    def ask(self, *argv: str, typed: str = "") -> Answer:
        """Run a command to its end, ``typed`` on its stdin, and return what it printed."""
        ...

    def show(self, *argv: str, progress_only: bool = False) -> int:
        """Run a command with its output on stderr; return its exit status.

        ``progress_only``: what it prints on stdout is dropped.
        """
        ...

    def attach(self, *argv: str) -> int:
        """Run a command with our stdin, stdout and stderr; return its exit status."""
        ...

    def follow(self, *argv: str) -> AbstractContextManager[Followed]:
        """Run a command beside the block, its output on stderr; it ends with the block."""
        ...


@dataclass(frozen=True, slots=True)
class Image:
    """What an image says of itself."""

    labels: Mapping[str, str]
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of a model: ``port`` None is any free port of ``host``.

    ``command`` takes the place of the image's, unless it is empty.

    ``grace`` is how many seconds the server has to end in order before it is killed.
    """

    name: str
    image: str
    host: str = "127.0.0.1"
    port: int | None = None
    env: tuple[str, ...] = ()
    gpus: str | None = None
    command: tuple[str, ...] = ()
    grace: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A command in a container that has the project's folder in the place of its own copy.

    ``ports`` are pairs of an address of this machine and a port, the same inside;
    ``has_terminal``: a person types into it.
    """

    name: str
    image: str
    command: tuple[str, ...]
    folder: Path
    ports: tuple[tuple[str, int], ...] = ()
    env: tuple[str, ...] = ()
    gpus: str | None = None
    has_terminal: bool = False


def run_arguments(errand: Errand) -> tuple[str, ...]:
    """Return the arguments that run ``errand`` to its end, and remove its container then."""
    mount = _csv("bind", (("source", str(errand.folder)), ("target", _PROJECT)))
    ports = (word for host, port in errand.ports for word in ("--publish", f"{host}:{port}:{port}"))
    return (
        *("run", "--rm", "--name", errand.name, "--interactive"),
        *(("--tty",) if errand.has_terminal else ()),
        *("--shm-size", _SHM_SIZE, "--mount", mount, "--workdir", _PROJECT),
        *ports,
        *(("--gpus", errand.gpus) if errand.gpus else ()),
        *(word for each in errand.env for word in ("--env", each)),
        errand.image,
        *errand.command,
    )


def run(docker: Docker, errand: Errand, *, may_lack_gpu: bool) -> int:
    """Run ``errand`` to its end and return the status of its command; CliError if none was run.

    ``may_lack_gpu``: nobody asked for the GPUs, so it is tried again without.
    """
    status = docker.attach(*run_arguments(errand))
    if status == _NOT_STARTED and errand.gpus and may_lack_gpu:
        return run(docker, replace(errand, gpus=None), may_lack_gpu=False)
    if status == _NOT_STARTED:
        raise CliError(f"docker could not start {errand.image}; the reason is above")
    return status


def create_arguments(container: Container) -> tuple[str, ...]:
    """Return the arguments that create ``container`` without starting it."""
    published = f"{container.host}:{container.port or ''}:{_MODEL_PORT}"
    gpus = ("--gpus", container.gpus) if container.gpus else ()
    env = tuple(word for each in container.env for word in ("--env", each))
    return (
        *("create", "--name", container.name, "--publish", published, "--shm-size", _SHM_SIZE),
        *gpus,
        *env,
        container.image,
        *container.command,
    )


def build_arguments(request: BuildRequest, metadata: Path) -> tuple[str, ...]:
    """Return the arguments of one build over buildx.

    The frontend is named by BuildKit's build argument BUILDKIT_SYNTAX, which wins over the
    file's own line. ``metadata`` is the file to which buildx writes the image's digest.
    """
    options = [("--tag", tag) for tag in request.tags]
    options += [("--secret", secret) for secret in request.secrets]
    options += [("--ssh", agent) for agent in request.ssh]
    options.append(("--build-arg", f"BUILDKIT_SYNTAX={request.frontend.image}"))
    for flag, pairs in (
        ("--build-arg", request.build_args),
        ("--label", request.labels),
        ("--build-context", request.named),
    ):
        options += [(flag, f"{name}={value}") for name, value in pairs]
    options += [("--annotation", _annotation(*pair)) for pair in request.annotations]
    options += [("--cache-from", _csv(each.type, each.attributes)) for each in request.cache_from]
    options += [("--cache-to", _csv(each.type, each.attributes)) for each in request.cache_to]
    options += [("--output", _output(each)) for each in request.outputs]
    options += [("--platform", ",".join(request.platforms))] if request.platforms else []
    for flag, value in (
        ("--builder", request.builder),
        ("--progress", request.progress),
        ("--target", request.target),
        ("--metadata-file", str(metadata)),
    ):
        options += [(flag, value)] if value else []
    words = [word for pair in options for word in pair]
    words += ["--no-cache"] if request.no_cache else []
    words += ["--pull"] if request.pull else []
    words += [_attestation(kind, given) for kind, given in request.attestations.items()]
    return ("buildx", "build", "--file", str(request.file), *words, str(request.context))


def _csv(kind: str, attributes: Iterable[tuple[str, str]]) -> str:
    text = io.StringIO()
    fields = [f"type={kind}", *(f"{key}={value}" for key, value in attributes)]
    csv.writer(text, lineterminator="").writerow(fields)
    return text.getvalue()


def _output(output: Output) -> str:
    place = (("dest", output.destination),) if output.destination else ()
    return _csv(output.type, (*output.attributes, *place))


def _annotation(key: str, value: str) -> str:
    """An exporter's attribute as buildx's flag: ``annotation-index.k`` is ``index:k``."""
    kind, _, name = key.removeprefix("annotation").partition(".")
    return f"{kind.removeprefix('-') or 'manifest'}:{name}={value}"


def _attestation(kind: str, parameters: str | None) -> str:
    if parameters is None:
        return f"--{kind}=false"
    return f"--attest=type={kind}" + (f",{parameters}" if parameters else "")


def image_reference(name: str) -> str:
    """Return ``name`` if docker can take it for an image; UsageProblem else."""
    if "=" in name:
        raise UsageProblem(f"'{name}' is no image name; did you forget -i?")
    if name.startswith("-") or not name or any(c.isspace() for c in name):
        raise UsageProblem(f"'{name}' is no image name")
    return name


def require_docker(docker: Docker) -> None:
    """Raise CliError unless a daemon answers."""
    answer = docker.ask("version", "--format", "{{.Server.Version}}")
    if answer.status:
        raise CliError(
            f"no Docker daemon answers; start Docker or set DOCKER_HOST ({_last_line(answer)})"
        )


def login(docker: Docker, host: str, username: str, secret: str) -> None:
    """Have docker check a login and keep it where it keeps all; CliError with its reason."""
    answer = docker.ask("login", host, "--username", username, "--password-stdin", typed=secret)
    if answer.status:
        raise CliError(f"cannot log in to {host}: {_last_line(answer)}")


def inspect_image(docker: Docker, name: str) -> Image | None:
    """Return an image that is on this machine, None when it is not."""
    answer = docker.ask("image", "inspect", name)
    if answer.status:
        return None
    config = json.loads(answer.stdout)[0].get("Config") or {}
    return Image(config.get("Labels") or {}, tuple(config.get("Cmd") or ()))


def layer_sizes(docker: Docker, name: str) -> tuple[int, ...]:
    """Return the unpacked sizes of an image's layers, oldest first; none where it is not here."""
    answer = docker.ask("history", "--no-trunc", "--human=false", "--format", "{{.Size}}", name)
    sizes = [line for line in answer.stdout.splitlines() if line.isdigit()]
    return tuple(map(int, reversed(sizes))) if answer.status == 0 else ()


def pull(docker: Docker, name: str) -> None:
    """Pull an image; CliError when there is none of this name."""
    if docker.show("pull", name):
        raise CliError(f"image '{name}' is neither here nor can it be pulled; check its name")


def create(docker: Docker, container: Container) -> None:
    """Create a container; CliError with docker's reason."""
    answer = docker.ask(*create_arguments(container))
    if answer.status:
        raise CliError(f"cannot create a container of {container.image}: {_last_line(answer)}")


def start(docker: Docker, container: Container) -> Answer:
    """Start a created container and return docker's answer."""
    return docker.ask("start", container.name)


def start_problem(answer: Answer, container: Container) -> CliError:
    """Return the error for a container that did not start, from docker's words."""
    text = answer.stderr.lower()
    if "port is already allocated" in text or "address already in use" in text:
        return CliError(f"port {container.port} is in use; choose another one with -p")
    if lacks_gpu(answer):
        return CliError(
            "this Docker has no GPU support; install the NVIDIA container toolkit or drop --gpus"
        )
    return CliError(f"cannot start {container.image}: {_last_line(answer)}")


def lacks_gpu(answer: Answer) -> bool:
    """Whether a container did not start because the daemon knows no GPU driver."""
    return answer.status != 0 and "could not select device driver" in answer.stderr


def address(docker: Docker, container: Container) -> tuple[str, int]:
    """Return host and port at which the container's server is reached."""
    answer = docker.ask("port", container.name, f"{_MODEL_PORT}/tcp")
    line = answer.stdout.splitlines()[0] if answer.status == 0 and answer.stdout.strip() else ""
    host, _, port = line.rpartition(":")
    if not port.isdigit():
        raise CliError(f"{container.image} stopped at once; it may be no model image")
    return host.strip("[]"), int(port)


def logs_arguments(container: Container) -> tuple[str, ...]:
    """Return the arguments that print a container's log until the container ends."""
    return ("logs", "--follow", container.name)


def remove(docker: Docker, container: Container) -> None:
    """Stop and remove the container, if there is one."""
    if container.grace:
        docker.ask("stop", "--time", str(container.grace), container.name)
    docker.ask("rm", "--force", "--volumes", container.name)


def _last_line(answer: Answer) -> str:
    lines = [line for line in answer.stderr.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"docker ended with status {answer.status}"
