"""What a build offers its builder while it runs: files, results' places, credentials, secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cog_cli.builder.agents import agent_handlers
from cog_cli.builder.credentials import Credentials
from cog_cli.builder.filesend import FILE_SEND, Destination, receive_results
from cog_cli.builder.filesync import DIFF_COPY, send_folders
from cog_cli.builder.pb.auth_pb2 import CredentialsRequest, CredentialsResponse
from cog_cli.builder.pb.secrets_pb2 import GetSecretRequest, GetSecretResponse
from cog_cli.builder.secrets import NoSecret
from cog_cli.errors import CliError
from cog_frontend.rpc import Code, RpcError
from cog_frontend.rpc.dispatch import Handler, unary

_HEALTH = "/grpc.health.v1.Health/Check"
_CREDENTIALS = "/moby.filesync.v1.Auth/Credentials"
_SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret"  # noqa: S105 # a method
# HealthCheckResponse{status: SERVING}. The daemon gives up a session that does not answer it.
_SERVING = b"\x08\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one build offers. ``secret`` raises NoSecret, ``credentials`` CliError."""

    folders: Mapping[str, Path]
    credentials: Callable[[str], Credentials]
    secret: Callable[[str], bytes]
    agents: Mapping[str, Path] = field(default_factory=dict)
    destinations: Mapping[int, Destination] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """Fills with why results could not be written."""


def handlers(offer: Offer) -> dict[str, Handler]:
    """The services of a session, by method."""
    found = {
        _HEALTH: unary(lambda _: _SERVING),
        DIFF_COPY: send_folders(offer.folders),
        _CREDENTIALS: unary(lambda request: _credentials(offer, request)),
        _SECRET: unary(lambda request: _secret(offer, request)),
        **agent_handlers(offer.agents),
    }
    if offer.destinations:
        found[FILE_SEND] = receive_results(offer.destinations, offer.problems)
    return found


def _credentials(offer: Offer, request: bytes) -> bytes:
    try:
        found = offer.credentials(CredentialsRequest.FromString(request).Host)
    except CliError as error:
        raise RpcError(Code.UNKNOWN, str(error)) from error
    return CredentialsResponse(Username=found.username, Secret=found.secret).SerializeToString()


def _secret(offer: Offer, request: bytes) -> bytes:
    try:
        data = offer.secret(GetSecretRequest.FromString(request).ID)
    except NoSecret as error:
        raise RpcError(Code.NOT_FOUND, str(error)) from error
    return GetSecretResponse(data=data).SerializeToString()
