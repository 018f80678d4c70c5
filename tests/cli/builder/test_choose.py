"""Which builder is used, from the files that Docker and buildx keep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from cog_cli.builder.choose import Surroundings, choose_builder
from cog_cli.builder.endpoint import (
    BuildkitDaemon,
    Command,
    DockerEngine,
    TcpSocket,
    Tls,
    UnixSocket,
    describe,
)
from cog_cli.errors import CliError

HOME = Path("/home/me")
DOCKER = HOME / ".docker"
SOCKET = DockerEngine(UnixSocket("/var/run/docker.sock"))


def around(
    env: Mapping[str, str] | None = None, files: Mapping[str, object] | None = None
) -> Surroundings:
    """``files``: content by path under ~/.docker."""
    content = {DOCKER / name: each for name, each in (files or {}).items()}

    def read(path: Path) -> bytes | None:
        found = content.get(path)
        return json.dumps(found).encode() if found is not None else None

    return Surroundings(env or {}, HOME, read)


def test_the_engine_is_the_one_that_docker_speaks_to() -> None:
    assert choose_builder(around(), None) == SOCKET
    assert choose_builder(around({"DOCKER_HOST": "unix:///x.sock"}), None) == DockerEngine(
        UnixSocket("/x.sock")
    )
    plain = choose_builder(around({"DOCKER_HOST": "tcp://h:2375"}), None)
    assert plain == DockerEngine(TcpSocket("h", 2375))
    env = {"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/c"}
    certificates = Tls(
        ca=Path("/c/ca.pem"), certificate=Path("/c/cert.pem"), key=Path("/c/key.pem")
    )
    assert choose_builder(around(env), None) == DockerEngine(TcpSocket("h", 2376, certificates))


def test_a_remote_engine_is_reached_with_ssh() -> None:
    found = choose_builder(around({"DOCKER_HOST": "ssh://me@far:2222"}), None)
    assert isinstance(found.address, Command)
    words = " ".join(found.address.argv)
    assert words.startswith("ssh -l me -p 2222 ")
    assert words.endswith("-T -- far docker system dial-stdio")


def test_a_docker_context_names_an_engine() -> None:
    key = hashlib.sha256(b"far").hexdigest()
    files = {
        "config.json": {"currentContext": "far"},
        f"contexts/meta/{key}/meta.json": {"Endpoints": {"docker": {"Host": "tcp://far:1"}}},
        f"contexts/tls/{key}/docker/ca.pem": "pem",
    }
    found = choose_builder(around({}, files), None)
    tls = Tls(ca=DOCKER / f"contexts/tls/{key}/docker/ca.pem")
    assert found == DockerEngine(TcpSocket("far", 1, tls))
    assert choose_builder(around({"DOCKER_CONTEXT": "default"}, files), None) == SOCKET
    with pytest.raises(CliError, match="no Docker context 'none'"):
        choose_builder(around({"DOCKER_CONTEXT": "none"}), None)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("unix:///run/b.sock", UnixSocket("/run/b.sock")),
        ("tcp://h:1234", TcpSocket("h", 1234)),
        ("docker-container://b", Command(("docker", "exec", "-i", "b", "buildctl", "dial-stdio"))),
        ("podman-container://b", Command(("podman", "exec", "-i", "b", "buildctl", "dial-stdio"))),
    ],
)
def test_a_buildkitd_is_named_by_the_environment(url: str, address: object) -> None:
    assert choose_builder(around({"BUILDKIT_HOST": url}), None) == BuildkitDaemon(address, SOCKET)  # type: ignore[arg-type]


def test_a_buildkitd_behind_ssh_may_listen_elsewhere() -> None:
    found = choose_builder(around({"BUILDKIT_HOST": "ssh://far/run/x.sock"}), None)
    assert isinstance(found.address, Command)
    assert found.address.argv[-4:] == ("buildctl", "--addr", "unix:///run/x.sock", "dial-stdio")


def test_a_buildkitd_with_tls() -> None:
    env = {
        "BUILDKIT_HOST": "tcp://h:1",
        "BUILDKIT_TLS_CA_CERT": "/ca",
        "BUILDKIT_TLS_SERVER_NAME": "n",
    }
    found = choose_builder(around(env), None)
    assert found.address == TcpSocket("h", 1, Tls(ca=Path("/ca"), server_name="n"))


@pytest.mark.parametrize("url", ["tcp://h", "nonsense://x", "ssh://"])
def test_an_address_that_cannot_be_used_is_said(url: str) -> None:
    with pytest.raises(CliError, match=url):
        choose_builder(around({"BUILDKIT_HOST": url}), None)


CONTAINER = {"Driver": "docker-container", "Nodes": [{"Name": "b0", "Endpoint": "default"}]}
REMOTE = {"Driver": "remote", "Nodes": [{"Endpoint": "tcp://h:1", "DriverOpts": {"cacert": "/ca"}}]}


def test_the_builder_selected_in_buildx_is_used() -> None:
    current = {"Key": "default", "Name": "b", "Global": False}
    files = {"buildx/current": current, "buildx/instances/b": CONTAINER}
    container = Command(("docker", "exec", "-i", "buildx_buildkit_b0", "buildctl", "dial-stdio"))
    assert choose_builder(around({}, files), None) == BuildkitDaemon(container, SOCKET)
    # It was chosen for another engine than the one that is spoken to now.
    other = {"DOCKER_HOST": "unix:///x.sock"}
    assert choose_builder(around(other, files), None) == DockerEngine(UnixSocket("/x.sock"))
    everywhere = {**files, "buildx/current": {**current, "Global": True}}
    assert isinstance(choose_builder(around(other, everywhere), None), BuildkitDaemon)


def test_a_builder_may_be_named() -> None:
    files = {"buildx/instances/r": REMOTE}
    remote = BuildkitDaemon(TcpSocket("h", 1, Tls(ca=Path("/ca"))), SOCKET)
    assert choose_builder(around({}, files), "r") == remote
    assert choose_builder(around({"BUILDX_BUILDER": "r"}, files), None) == remote
    # Named on the command line wins over the environment.
    assert choose_builder(around({"BUILDKIT_HOST": "unix:///x"}, files), "r") == remote
    assert choose_builder(around(), "default") == SOCKET
    with pytest.raises(CliError, match="no builder 'none'"):
        choose_builder(around(), "none")


def test_builders_of_other_drivers_are_reached_through_buildx() -> None:
    files = {"buildx/instances/k": {"Driver": "kubernetes", "Nodes": [{"Name": "k0"}]}}
    found = choose_builder(around({}, files), "k")
    assert found.address == Command(("docker", "buildx", "--builder", "k", "dial-stdio"))


def test_a_damaged_file_is_named() -> None:
    broken = Surroundings({}, HOME, lambda path: b"{" if path.name == "config.json" else None)
    with pytest.raises(CliError, match=r"config\.json is damaged"):
        choose_builder(broken, None)


def test_a_builder_is_described_by_its_address() -> None:
    assert describe(SOCKET) == "Docker Engine at unix:///var/run/docker.sock"
    assert describe(BuildkitDaemon(TcpSocket("h", 1))) == "buildkitd at tcp://h:1"
    assert describe(BuildkitDaemon(Command(("a", "b")))) == "buildkitd behind `a b`"
