"""Where a BuildKit is: values, and reading them from what people write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cog_cli.errors import CliError

_DOCKER_PORT = 2376


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files for TLS; without ``ca`` the system's authorities are trusted.

    ``server_name`` is what the certificate must be for, where it is not the host.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A socket on this machine."""

    path: str


@dataclass(frozen=True, slots=True)
class TcpSocket:
    """A port somewhere, with TLS or plain."""

    host: str
    port: int
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A program whose stdin and stdout are the connection."""

    argv: tuple[str, ...]


Address = UnixSocket | TcpSocket | Command


@dataclass(frozen=True, slots=True)
class DockerEngine:
    """A Docker Engine: its HTTP API is upgraded to BuildKit's."""

    address: Address


@dataclass(frozen=True, slots=True)
class BuildkitDaemon:
    """A buildkitd: gRPC at once.

    Its images are not Docker's: what is to be run here has to be loaded into ``engine``.
    """

    address: Address
    engine: DockerEngine | None = None


BuilderAt = DockerEngine | BuildkitDaemon


def docker_engine(url: str, tls: Tls | None = None) -> DockerEngine:
    """Read a DOCKER_HOST; CliError."""
    return DockerEngine(_address(url, tls, ("docker", "system", "dial-stdio"), _DOCKER_PORT))


def buildkit_daemon(url: str, tls: Tls | None = None) -> BuildkitDaemon:
    """Read a BUILDKIT_HOST: unix://, tcp://, ssh://, docker-container://, podman-container://.

    CliError.
    """
    parts = urlsplit(url)
    if parts.scheme in {"docker-container", "podman-container"}:
        program = parts.scheme.partition("-")[0]
        name = parts.netloc or parts.path.strip("/")
        return BuildkitDaemon(container_command(program, name))
    dial: tuple[str, ...] = ("buildctl", "dial-stdio")
    if parts.scheme == "ssh" and parts.path.strip("/"):
        dial = ("buildctl", "--addr", f"unix://{parts.path}", "dial-stdio")
    return BuildkitDaemon(_address(url, tls, dial, None))


def container_command(program: str, name: str, *options: str) -> Command:
    """The way into a buildkitd that runs in a container."""
    return Command((program, *options, "exec", "-i", name, "buildctl", "dial-stdio"))


def _address(url: str, tls: Tls | None, dial: tuple[str, ...], port: int | None) -> Address:
    parts = urlsplit(url if "://" in url else f"unix://{url}")
    if parts.scheme == "unix":
        return UnixSocket(parts.netloc + parts.path)
    if parts.scheme in {"tcp", "http", "https"} and parts.hostname:
        number = parts.port or port
        if number is None:
            raise CliError(f"{url}: a port is missing, such as {url}:1234")
        return TcpSocket(
            parts.hostname, number, tls or (Tls() if parts.scheme == "https" else None)
        )
    if parts.scheme == "ssh" and parts.hostname:
        return Command(_ssh(parts.username, parts.hostname, parts.port, dial))
    raise CliError(f"{url!r} is no address of a builder: use unix://, tcp:// or ssh://")


def _ssh(user: str | None, host: str, port: int | None, dial: tuple[str, ...]) -> tuple[str, ...]:
    login = ("-l", user) if user else ()
    at = ("-p", str(port)) if port else ()
    # Options as Docker's own command gives them; "--": a host is no option.
    return ("ssh", *login, *at, "-o", "ConnectTimeout=30", "-T", "--", host, *dial)


def describe(builder: BuilderAt) -> str:
    """Where a builder is, as a person reads it."""
    kind = "Docker Engine" if isinstance(builder, DockerEngine) else "buildkitd"
    match builder.address:
        case UnixSocket(path):
            return f"{kind} at unix://{path}"
        case TcpSocket(host, port):
            return f"{kind} at tcp://{host}:{port}"
        case Command(argv):
            return f"{kind} behind `{' '.join(argv)}`"
