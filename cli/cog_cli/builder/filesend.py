"""Results on their way from BuildKit: a folder of files, or one file (tar, oci, docker).

Protocol: tonistiigi/fsutil's ``receive.go`` for folders, a stream of bytes for files. What a build
that fails has sent so far is removed again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from cog_cli.builder.filesync import metadata_values
from cog_cli.builder.pb.control_pb2 import BytesMessage
from cog_cli.builder.pb.fsutil_pb2 import Packet
from cog_cli.builder.tree import GO_DIRECTORY, GO_IRREGULAR, GO_SYMLINK, unix_mode
from cog_frontend.gateway.pb.stat_pb2 import Stat
from cog_frontend.rpc import Code, RequestStarted, RpcError
from cog_frontend.rpc.dispatch import RECEIVE, Dialogue, Handler

FILE_SEND = "/moby.filesync.v1.FileSend/DiffCopy"
_EXPORTER = "buildkit-attachable-exporter-id"
STDOUT = "-"


@dataclass(frozen=True, slots=True)
class ToFolder:
    """Files are written into a folder, beside what is there."""

    path: Path


@dataclass(frozen=True, slots=True)
class ToFile:
    """Bytes are written to a file, or to stdout for the path ``-``."""

    path: Path


@dataclass(frozen=True, slots=True)
class ToPipe:
    """Bytes are written to something that is open; it is closed at the end."""

    file: IO[bytes]


Destination = ToFolder | ToFile | ToPipe


def receive_results(
    destinations: Mapping[int, Destination], problems: list[str] | None = None
) -> Handler:
    """Take what the exporters send, each by its number in the build.

    Why something could not be written is added to ``problems`` too: the daemon may only see that
    the transfer ended.
    """

    def handler(request: RequestStarted) -> Dialogue:
        try:
            yield from receive(request)
        except RpcError as error:
            if problems is not None:
                problems.append(error.message)
            raise

    def receive(request: RequestStarted) -> Dialogue:
        number = int((metadata_values(request, _EXPORTER) or ("0",))[0])
        destination = destinations.get(number)
        match destination:
            case ToFolder(path):
                yield from _Receiving(path).dialogue()
            case ToFile(path):
                yield from _into(_whole_file(path))
            case ToPipe(file):
                yield from _into(file)
            case None:
                raise RpcError(Code.NOT_FOUND, f"exporter {number} has no destination")

    return handler


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there when all of it is."""
    if os.fspath(path) == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise RpcError(Code.UNKNOWN, f"{path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _into(opened: AbstractContextManager[IO[bytes]]) -> Dialogue:
    with opened as file:
        while (message := (yield RECEIVE)) is not None:
            file.write(BytesMessage.FromString(message).data)


@dataclass(slots=True)
class _Receiving:
    """A folder being filled; ``open`` are files whose content is on its way, by number."""

    root: Path
    wanted: dict[int, tuple[Path, Stat]] = field(default_factory=dict)
    open: dict[int, IO[bytes]] = field(default_factory=dict)
    folders: list[tuple[Path, Stat]] = field(default_factory=list)
    links: list[tuple[Path, Path]] = field(default_factory=list)
    """Second names of files, which are given when the files are there."""
    count: int = 0
    listed: bool = False

    def dialogue(self) -> Dialogue:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            while (message := (yield RECEIVE)) is not None:
                packet = Packet.FromString(message)
                if packet.type == Packet.PACKET_FIN:
                    return
                if answer := self._take(packet):
                    yield answer
                if self.listed and not self.wanted:
                    self.listed = False
                    self._finish()
                    yield Packet(type=Packet.PACKET_FIN).SerializeToString()
        except OSError as error:
            raise RpcError(Code.UNKNOWN, f"{error.filename}: {error.strerror}") from error
        finally:
            for file in self.open.values():
                file.close()
                Path(file.name).unlink(missing_ok=True)

    def _take(self, packet: Packet) -> bytes | None:
        if packet.type == Packet.PACKET_ERR:
            raise RpcError(Code.UNKNOWN, packet.data.decode(errors="replace"))
        if packet.type == Packet.PACKET_STAT and packet.HasField("stat"):
            return self._entry(packet.stat)
        if packet.type == Packet.PACKET_STAT:
            self.listed = True
        elif packet.type == Packet.PACKET_DATA:
            self._content(packet.ID, packet.data)
        return None

    def _entry(self, found: Stat) -> bytes | None:
        number, self.count = self.count, self.count + 1
        path = self._inside(found.path)
        if found.mode & GO_DIRECTORY:
            if path.is_symlink() or not path.is_dir():
                path.unlink(missing_ok=True)
                path.mkdir()
            self.folders.append((path, found))
        elif found.mode & GO_SYMLINK:
            path.unlink(missing_ok=True)
            path.symlink_to(found.linkname)
        elif found.mode & GO_IRREGULAR:
            pass  # devices, pipes and sockets have no content, and no use in a folder
        elif found.linkname:
            self.links.append((path, self._inside(found.linkname)))
        else:
            self.wanted[number] = (path, found)
            return Packet(type=Packet.PACKET_REQ, ID=number).SerializeToString()
        return None

    def _inside(self, name: str) -> Path:
        """The place of an entry; INVALID_ARGUMENT for one that is not in the folder."""
        parts = PurePosixPath(name).parts
        outside = not parts or name.startswith("/") or ".." in parts
        above = [self.root.joinpath(*parts[:end]) for end in range(1, len(parts))]
        if outside or any(each.is_symlink() for each in above):
            raise RpcError(Code.INVALID_ARGUMENT, f"the result has {name!r}, outside the folder")
        return self.root.joinpath(*parts)

    def _content(self, number: int, data: bytes) -> None:
        if number not in self.wanted:
            raise RpcError(Code.INVALID_ARGUMENT, f"invalid file id {number}")
        path, found = self.wanted[number]
        if number not in self.open:
            self.open[number] = path.with_name(f".{path.name}.part").open("wb")
        if data:
            self.open[number].write(data)
            return
        file = self.open.pop(number)
        file.close()
        del self.wanted[number]
        part = Path(file.name)
        _settle(part, found)
        if path.is_dir() and not path.is_symlink():
            part.unlink()
            raise RpcError(Code.UNKNOWN, f"{path} is a folder; the result has a file there")
        part.replace(path)

    def _finish(self) -> None:
        for path, first in self.links:
            path.unlink(missing_ok=True)
            path.hardlink_to(first)
        for path, found in reversed(self.folders):
            _settle(path, found)


def _settle(path: Path, found: Stat) -> None:
    """Give a file its permissions and times; a filesystem without them does not matter."""
    with suppress(PermissionError):
        path.chmod(unix_mode(found.mode))
        os.utime(path, ns=(found.modTime, found.modTime))
