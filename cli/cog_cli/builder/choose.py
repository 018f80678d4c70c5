"""Which builder a build runs on: from the environment, Docker's contexts and buildx's choice.

Order: ``BUILDKIT_HOST``; the builder named by ``--builder`` or ``BUILDX_BUILDER``; the one that
``docker buildx use`` selected; the Docker Engine of ``DOCKER_HOST``, ``DOCKER_CONTEXT`` or the
current context. Files: docker/cli's context store, docker/buildx's ``store`` package.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cog_cli.builder.endpoint import (
    BuilderAt,
    BuildkitDaemon,
    Command,
    DockerEngine,
    Tls,
    buildkit_daemon,
    container_command,
    docker_engine,
)
from cog_cli.errors import CliError

_DEFAULT_HOST = "unix:///var/run/docker.sock"
_DEFAULT = "default"

ReadFile = Callable[[Path], bytes | None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the choice is made from; ``read`` gives a file's content, None where there is none."""

    env: Mapping[str, str]
    home: Path
    read: ReadFile

    @property
    def docker_folder(self) -> Path:
        """Docker's folder of settings."""
        return Path(self.env.get("DOCKER_CONFIG") or self.home / ".docker")

    def docker_config(self) -> dict[str, Any]:
        """Docker's config.json; empty where there is none."""
        return self.json(self.docker_folder / "config.json")

    def json(self, path: Path) -> dict[str, Any]:
        """A JSON object in a file; empty where there is none. CliError when it is damaged."""
        data = self.read(path)
        try:
            found = json.loads(data) if data else {}
        except ValueError as error:
            raise CliError(f"{path} is damaged: {error}") from error
        if not isinstance(found, dict):
            raise CliError(f"{path} is damaged: it is no JSON object")
        return found


def choose_builder(around: Surroundings, named: str | None) -> BuilderAt:
    """Return where to build; CliError for a name that buildx does not know."""
    env = around.env
    name = named or env.get("BUILDX_BUILDER")
    if not name and (host := env.get("BUILDKIT_HOST")):
        return _daemon(host, _buildkit_tls(env), around)
    name = name or _selected(around)
    if not name or name == _DEFAULT:
        return engine(around)
    return _instance(name, around)


def engine(around: Surroundings, context: str | None = None) -> DockerEngine:
    """Return the Docker Engine that the docker command would speak to; CliError."""
    env = around.env
    if context is None and (host := env.get("DOCKER_HOST")):
        return docker_engine(host, _docker_tls(env, around.docker_folder))
    if context is None:
        current = around.docker_config().get("currentContext")
        context = env.get("DOCKER_CONTEXT") or current or _DEFAULT
    if context == _DEFAULT:
        return docker_engine(env.get("DOCKER_HOST") or _DEFAULT_HOST)
    key = hashlib.sha256(context.encode()).hexdigest()
    contexts = around.docker_folder / "contexts"
    meta = around.json(contexts / "meta" / key / "meta.json")
    found = (meta.get("Endpoints") or {}).get("docker")
    if not found:
        raise CliError(f"there is no Docker context {context!r}; see `docker context ls`")
    files = contexts / "tls" / key / "docker"
    tls = _tls_files(around, files, verify=not found.get("SkipTLSVerify"))
    return docker_engine(found.get("Host") or _DEFAULT_HOST, tls)


def _docker_tls(env: Mapping[str, str], folder: Path) -> Tls | None:
    verify = bool(env.get("DOCKER_TLS_VERIFY"))
    if not verify and not env.get("DOCKER_TLS"):
        return None
    files = Path(env.get("DOCKER_CERT_PATH") or folder)
    return Tls(
        ca=files / "ca.pem",
        certificate=files / "cert.pem",
        key=files / "key.pem",
        verify=verify,
    )


def _buildkit_tls(env: Mapping[str, str]) -> Tls | None:
    """The variables of buildctl's flags; all of them may be left out for a plain connection."""
    names = ("BUILDKIT_TLS_CA_CERT", "BUILDKIT_TLS_CERT", "BUILDKIT_TLS_KEY")
    ca, certificate, key = (Path(env[name]) if env.get(name) else None for name in names)
    server_name = env.get("BUILDKIT_TLS_SERVER_NAME") or None
    if not (ca or certificate or key or server_name):
        return None
    return Tls(ca=ca, certificate=certificate, key=key, server_name=server_name)


def _tls_files(around: Surroundings, folder: Path, *, verify: bool) -> Tls | None:
    there = {
        name: folder / f"{name}.pem"
        for name in ("ca", "cert", "key")
        if around.read(folder / f"{name}.pem") is not None
    }
    if not there:
        return None
    return Tls(
        ca=there.get("ca"), certificate=there.get("cert"), key=there.get("key"), verify=verify
    )


def _selected(around: Surroundings) -> str | None:
    """The builder that ``docker buildx use`` chose for this engine; None: the engine itself."""
    current = around.json(_buildx(around) / "current")
    name = str(current.get("Name") or "")
    if not name:
        return None
    if not current.get("Global") and current.get("Key") != _context_key(around):
        return None
    return name


def _context_key(around: Surroundings) -> str:
    """What buildx calls the engine that a choice was made for."""
    env = around.env
    if host := env.get("DOCKER_HOST"):
        return host
    return env.get("DOCKER_CONTEXT") or around.docker_config().get("currentContext") or _DEFAULT


def _buildx(around: Surroundings) -> Path:
    return Path(around.env.get("BUILDX_CONFIG") or around.docker_folder / "buildx")


def _instance(name: str, around: Surroundings) -> BuilderAt:
    found = around.json(_buildx(around) / "instances" / name)
    nodes = found.get("Nodes") or []
    if not nodes:
        return _context(name, around)
    node, driver = nodes[0], found.get("Driver")
    if driver == "docker":
        return engine(around, str(node.get("Endpoint") or name))
    if driver == "remote":
        options = node.get("DriverOpts") or {}
        files = (options.get("cacert"), options.get("cert"), options.get("key"))
        ca, certificate, key = (Path(file) if file else None for file in files)
        server_name = options.get("servername")
        some = ca or certificate or key or server_name
        tls = Tls(ca=ca, certificate=certificate, key=key, server_name=server_name)
        return _daemon(str(node.get("Endpoint")), tls if some else None, around)
    return _through_buildx(name, driver, node, around)


def _context(name: str, around: Surroundings) -> BuilderAt:
    """A Docker context is a builder of its own in buildx."""
    try:
        return engine(around, name)
    except CliError:
        raise CliError(f"there is no builder {name!r}; see `docker buildx ls`") from None


def _through_buildx(
    name: str, driver: object, node: Mapping[str, Any], around: Surroundings
) -> BuildkitDaemon:
    """A builder that buildx keeps: in a container of this Docker, or wherever its driver says."""
    local = engine(around)
    endpoint = str(node.get("Endpoint") or "")
    here = endpoint in {"", _DEFAULT, around.env.get("DOCKER_HOST"), _DEFAULT_HOST}
    if driver == "docker-container" and here:
        command = container_command("docker", f"buildx_buildkit_{node.get('Name')}")
    else:
        command = Command(("docker", "buildx", "--builder", name, "dial-stdio"))
    return BuildkitDaemon(command, local)


def _daemon(url: str, tls: Tls | None, around: Surroundings) -> BuildkitDaemon:
    return BuildkitDaemon(buildkit_daemon(url, tls).address, engine(around))
