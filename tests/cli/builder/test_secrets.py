"""Secrets and agents: named on the command line, given when a step asks."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from cog_cli.builder.agents import FORWARD, agent_handlers, parse_agents
from cog_cli.builder.pb.ssh_pb2 import BytesMessage
from cog_cli.builder.secrets import MAX_BYTES, NoSecret, Secret, parse_secrets, read_secret
from cog_cli.errors import UsageProblem
from cog_frontend.rpc import RequestStarted, RpcError

ENV = {"TOKEN": "t", "netrc": "n"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id=a,src=file", Secret("a", path=Path("/w/file"))),
        ("src=file", Secret("file", path=Path("/w/file"))),
        ("id=a,source=/w/file", Secret("a", path=Path("/w/file"))),
        ("id=a,env=TOKEN", Secret("a", variable="TOKEN")),
        ("id=TOKEN", Secret("TOKEN", variable="TOKEN")),
        ("type=env,id=a,src=TOKEN", Secret("a", variable="TOKEN")),
        ('"id=a","src=file"', Secret("a", path=Path("/w/file"))),
    ],
)
def test_where_a_secret_is(text: str, expected: Secret, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("s")
    found = parse_secrets([text.replace("/w/", f"{tmp_path}/")], ENV, tmp_path)
    path = expected.path and tmp_path / expected.path.name
    assert found == {expected.id: Secret(expected.id, path=path, variable=expected.variable)}


@pytest.mark.parametrize("text", ["a", "env=", "id=a,src=none", "id=a,type=x", "id=a,uid=1"])
def test_a_secret_that_cannot_be_used_is_wrong_usage(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="--secret"):
        parse_secrets([text], ENV, tmp_path)


def test_the_value_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    known = parse_secrets(["id=a,src=file", "id=b,env=TOKEN"], ENV, tmp_path)
    assert read_secret(known, "b", ENV) == b"t"
    file.write_bytes(b"\0" * (MAX_BYTES + 1))
    with pytest.raises(NoSecret, match="at most"):
        read_secret(known, "a", ENV)
    file.unlink()
    with pytest.raises(NoSecret, match="file"):
        read_secret(known, "a", ENV)
    with pytest.raises(NoSecret, match="secret c: not found"):
        read_secret(known, "c", ENV)


def test_agents_are_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind("s")
        assert parse_agents(["default"], {"SSH_AUTH_SOCK": "s"}) == {"default": Path("s")}
        assert parse_agents(["git=s"], {}) == {"git": Path("s")}
    with pytest.raises(UsageProblem, match="SSH_AUTH_SOCK"):
        parse_agents(["default"], {})
    (tmp_path / "key").write_text("PRIVATE KEY")
    with pytest.raises(UsageProblem, match="ssh-add"):
        parse_agents(["default=key"], {})


def test_requests_reach_the_agent_whole_in_whatever_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        listening.listen()

        def echo() -> None:
            connection, _ = listening.accept()
            with connection:
                while data := connection.recv(100):
                    connection.sendall(data)

        thread = threading.Thread(target=echo)
        thread.start()
        request = RequestStarted(1, FORWARD, (("buildkit.ssh.id", "default"),))
        dialogue = agent_handlers({"default": Path("s")})[FORWARD](request)
        next(dialogue)
        assert dialogue.send(message(b"\0\0\0")) is None
        assert dialogue.send(message(b"\2hi\0\0\0\1x")) == message(b"\0\0\0\2hi")
        assert dialogue.send(None) == message(b"\0\0\0\1x")
        dialogue.close()
        thread.join()


def message(data: bytes) -> bytes:
    return BytesMessage(data=data).SerializeToString()


def test_an_agent_that_was_not_named_is_not_found() -> None:
    with pytest.raises(RpcError, match="pass --ssh"):
        next(agent_handlers({})[FORWARD](RequestStarted(1, FORWARD)))
