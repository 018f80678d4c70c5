from __future__ import annotations

import pytest

from tests.cli.conftest import World, openapi

MODEL = openapi({}, {"type": "string"})


def test_the_address_is_told_when_the_model_is_ready(world: World) -> None:
    world.image("m", MODEL)
    world.model.health = [{"status": "STARTING"}, {"status": "READY"}]
    world.cog("serve", "m")
    assert "--publish 127.0.0.1:8393:5000" in " ".join(world.docker.started[0])
    port = world.model.address.rpartition(":")[2]
    assert f"serving m at http://localhost:{port} (Ctrl-C ends it)" in world.stderr


def test_host_and_port_may_be_chosen(world: World) -> None:
    world.image("m", MODEL)
    world.cog("serve", "m", "-p", "9000", "--host", "0.0.0.0")
    assert "--publish 0.0.0.0:9000:5000" in " ".join(world.docker.started[0])


def test_a_server_that_ends_of_itself_is_a_failure(world: World) -> None:
    world.image("m", MODEL)
    assert world.cog("serve", "m") == 1
    assert "the server of m ended" in world.stderr


def test_ctrl_c_ends_the_server_in_order(world: World) -> None:
    world.image("m", MODEL)
    world.docker.log.interrupted = True
    assert world.cog("serve", "m") == 130
    assert world.docker.calls[-2:] == [
        ("stop", "--time", "3", "cog-1"),
        ("rm", "--force", "--volumes", "cog-1"),
    ]


def test_a_port_in_use_is_said_in_one_line(world: World) -> None:
    world.image("m", MODEL)
    world.docker.taken_ports = frozenset({"8393"})
    assert world.cog("serve", "m") == 1
    assert world.stderr == "error: port 8393 is in use; choose another one with -p\n"


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_is_none_is_wrong_usage(
    world: World, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.cog("serve", "m", "-p", port) == 2
    assert "Invalid value for '-p'" in capsys.readouterr().err
