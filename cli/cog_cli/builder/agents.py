"""SSH agents for steps of a build: requests go to the agent here, keys never leave it.

The agent's protocol (draft-miller-ssh-agent) is one answer per request, each with its length in
front.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from struct import unpack

from cog_cli.builder.filesync import metadata_values
from cog_cli.builder.pb.ssh_pb2 import BytesMessage, CheckAgentRequest
from cog_cli.errors import UsageProblem
from cog_frontend.rpc import Code, RequestStarted, RpcError
from cog_frontend.rpc.dispatch import RECEIVE, Dialogue, Handler, unary

CHECK = "/moby.sshforward.v1.SSH/CheckAgent"
FORWARD = "/moby.sshforward.v1.SSH/ForwardAgent"
DEFAULT = "default"
_ID = "buildkit.ssh.id"
_MAX_BYTES = 256 * 1024


def parse_agents(texts: Iterable[str], env: Mapping[str, str]) -> dict[str, Path]:
    """Read ``--ssh`` values (``default`` or ``id=SOCKET``) into agents' sockets; UsageProblem."""
    return dict(_parse(text, env) for text in texts)


def _parse(text: str, env: Mapping[str, str]) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals:
        path = env.get("SSH_AUTH_SOCK", "")
        if not path:
            raise UsageProblem(f"--ssh {text}: no SSH agent runs here (SSH_AUTH_SOCK is not set)")
    if not _is_socket(path):
        raise UsageProblem(
            f"--ssh {text}: {path} is no agent's socket; add a key to the agent with ssh-add"
        )
    return name or DEFAULT, Path(path)


def _is_socket(path: str) -> bool:
    return Path(path).is_socket()


def agent_handlers(agents: Mapping[str, Path]) -> dict[str, Handler]:
    """Serve agents by id."""

    def check(request: bytes) -> bytes:
        _agent(agents, CheckAgentRequest.FromString(request).ID)
        return b""

    def forward(request: RequestStarted) -> Dialogue:
        path = _agent(agents, "".join(metadata_values(request, _ID)))
        yield from _forward(path)

    return {CHECK: unary(check), FORWARD: forward}


def _agent(agents: Mapping[str, Path], name: str) -> Path:
    agent = agents.get(name or DEFAULT)
    if agent is None:
        raise RpcError(Code.NOT_FOUND, f"unset ssh forward key {name or DEFAULT}; pass --ssh")
    return agent


def _forward(path: Path) -> Dialogue:
    buffer = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
        try:
            agent.connect(os.fspath(path))
            while (message := (yield RECEIVE)) is not None:
                buffer += BytesMessage.FromString(message).data
                while (size := _whole(buffer)) is not None:
                    agent.sendall(buffer[:size])
                    buffer = buffer[size:]
                    for part in _answer(agent):
                        yield BytesMessage(data=part).SerializeToString()
        except OSError as error:
            raise RpcError(Code.UNAVAILABLE, f"the SSH agent at {path}: {error}") from error


def _whole(buffer: bytes) -> int | None:
    """The size of the first request in ``buffer`` with its prefix; None while it is not whole."""
    if len(buffer) < 4:
        return None
    size = 4 + int(unpack(">I", buffer[:4])[0])
    if size > _MAX_BYTES:
        raise RpcError(Code.INVALID_ARGUMENT, f"a request to the SSH agent of {size} bytes")
    return size if len(buffer) >= size else None


def _answer(agent: socket.socket) -> Iterator[bytes]:
    prefix = _exactly(agent, 4)
    yield prefix + _exactly(agent, int(unpack(">I", prefix)[0]))


def _exactly(agent: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        data = agent.recv(size - len(found))
        if not data:
            raise ConnectionError("it closed the connection")
        found += data
    return found
