"""The build's folders on their way to BuildKit.

Protocol: tonistiigi/fsutil's ``send.go``. Handlers are generators of the
session's server (``cog_frontend.rpc.dispatch``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from cog_cli.builder.pb.fsutil_pb2 import Packet
from cog_cli.builder.tree import Entry, Filter, walk
from cog_frontend.patterns import PatternError
from cog_frontend.rpc import Code, RequestStarted, RpcError
from cog_frontend.rpc.dispatch import RECEIVE, Dialogue, Handler

DIFF_COPY = "/moby.filesync.v1.FileSync/DiffCopy"

# The other side takes any size below its message limit (4 MiB before BuildKit 0.14).
_CHUNK = 256 * 1024
_ENCODED = "-encoded"


def send_folders(folders: Mapping[str, Path]) -> Handler:
    """Serve the folders of a build by name; NOT_FOUND for any other name."""

    def handler(request: RequestStarted) -> Dialogue:
        name = "".join(metadata_values(request, "dir-name"))
        if name not in folders:
            raise RpcError(Code.NOT_FOUND, f"no access allowed to dir {name!r}")
        yield from _send(folders[name], _filter(request))

    return handler


def _filter(request: RequestStarted) -> Filter:
    follow = metadata_values(request, "followpaths")
    return Filter(
        include=metadata_values(request, "include-patterns"),
        exclude=metadata_values(request, "exclude-patterns"),
        follow=follow or None,
    )


def metadata_values(request: RequestStarted, key: str) -> tuple[str, ...]:
    """The values of a key; BuildKit percent-encodes all of them where one is not ASCII."""
    values = tuple(str(value) for name, value in request.metadata if name == key)
    encoded = any(name == key + _ENCODED and value == "1" for name, value in request.metadata)
    return tuple(unquote(value.replace("+", " ")) for value in values) if encoded else values


def _send(root: Path, wanted: Filter) -> Dialogue:
    """List everything, then send the files that are asked for, until the other side is done."""
    files: dict[int, str] = {}
    try:
        for number, entry in enumerate(walk(root, wanted)):
            if entry.is_file:
                files[number] = entry.path
            yield _stat(entry)
    except (OSError, PatternError) as error:
        raise RpcError(Code.UNKNOWN, str(error)) from error
    yield Packet(type=Packet.PACKET_STAT).SerializeToString()
    while (message := (yield RECEIVE)) is not None:
        packet = Packet.FromString(message)
        if packet.type == Packet.PACKET_REQ:
            yield from _content(root, packet.ID, files)
        elif packet.type == Packet.PACKET_ERR:
            raise RpcError(Code.UNKNOWN, packet.data.decode(errors="replace"))
        elif packet.type == Packet.PACKET_FIN:
            yield Packet(type=Packet.PACKET_FIN).SerializeToString()
            return


def _stat(entry: Entry) -> bytes:
    packet = Packet(type=Packet.PACKET_STAT)
    packet.stat.path = entry.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    packet.stat.mode = entry.mode
    packet.stat.size = entry.size
    packet.stat.modTime = entry.modified
    packet.stat.linkname = entry.link
    packet.stat.devmajor, packet.stat.devminor = entry.device
    for name, value in entry.attributes.items():
        packet.stat.xattrs[name] = value
    return packet.SerializeToString()


def _content(root: Path, number: int, files: Mapping[int, str]) -> Iterator[bytes]:
    if number not in files:
        raise RpcError(Code.INVALID_ARGUMENT, f"invalid file id {number}")
    try:
        with (root / files[number]).open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield Packet(type=Packet.PACKET_DATA, ID=number, data=chunk).SerializeToString()
    except OSError as error:
        raise RpcError(Code.UNKNOWN, f"{files[number]}: {error.strerror}") from error
    yield Packet(type=Packet.PACKET_DATA, ID=number).SerializeToString()
