"""Folders to the daemon and results back, with handlers driven as the session's server does."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from cog_cli.builder.filesend import ToFile, ToFolder, ToPipe, receive_results
from cog_cli.builder.filesync import metadata_values, send_folders
from cog_cli.builder.pb.control_pb2 import BytesMessage
from cog_cli.builder.pb.fsutil_pb2 import Packet
from cog_cli.builder.tree import GO_DIRECTORY, GO_SYMLINK
from cog_frontend.rpc import Code, RequestStarted, RpcError
from cog_frontend.rpc.dispatch import Dialogue

MTIME = 1_600_000_000_000_000_000


def request(*metadata: tuple[str, str | bytes]) -> RequestStarted:
    return RequestStarted(1, "/x.Y/Z", metadata)


def drive(dialogue: Dialogue, incoming: Sequence[bytes]) -> list[bytes]:
    """Run a handler with these messages from the other side, then its end; what it sent."""
    inbox = list(incoming)
    sent: list[bytes] = []
    given: bytes | None = None
    while True:
        try:
            wanted = dialogue.send(given)
        except StopIteration:
            return sent
        given = None
        if wanted is not None:
            sent.append(wanted)
        elif inbox:
            given = inbox.pop(0)


def packet(kind: int, **fields: object) -> bytes:
    return Packet(type=kind, **fields).SerializeToString()  # type: ignore[arg-type]


def entry(path: str, mode: int = 0o644, link: str = "") -> bytes:
    message = Packet(type=Packet.PACKET_STAT)
    message.stat.path, message.stat.mode = path, mode
    message.stat.linkname, message.stat.modTime = link, MTIME
    return message.SerializeToString()


def test_a_folder_is_listed_and_the_files_asked_for_are_sent(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"x" * 300_000)
    (tmp_path / "a").mkdir()
    asked = [packet(Packet.PACKET_REQ, ID=1), packet(Packet.PACKET_FIN)]
    handler = send_folders({"context": tmp_path})(request(("dir-name", "context")))
    sent = [Packet.FromString(each) for each in drive(handler, asked)]
    assert [each.stat.path for each in sent[:3]] == ["a", "b", ""]
    assert sent[1].stat.size == 300_000
    content = [each for each in sent if each.type == Packet.PACKET_DATA]
    assert b"".join(each.data for each in content) == b"x" * 300_000
    assert content[-1].data == b""
    assert sent[-1].type == Packet.PACKET_FIN


def test_a_folder_that_is_not_offered_is_not_found(tmp_path: Path) -> None:
    handler = send_folders({"context": tmp_path})(request(("dir-name", "home")))
    with pytest.raises(RpcError) as raised:
        drive(handler, [])
    assert raised.value.code == Code.NOT_FOUND


@pytest.mark.parametrize("number", [0, 7])
def test_only_listed_files_can_be_asked_for(tmp_path: Path, number: int) -> None:
    (tmp_path / "folder").mkdir()
    handler = send_folders({"c": tmp_path})(request(("dir-name", "c")))
    with pytest.raises(RpcError):
        drive(handler, [packet(Packet.PACKET_REQ, ID=number)])


def test_a_file_that_went_away_says_its_name(tmp_path: Path) -> None:
    (tmp_path / "gone").write_text("x")
    handler = send_folders({"c": tmp_path})(request(("dir-name", "c")))
    while Packet.FromString(next(handler) or b"").HasField("stat"):
        pass
    (tmp_path / "gone").unlink()
    next(handler)
    with pytest.raises(RpcError, match="gone"):
        handler.send(packet(Packet.PACKET_REQ, ID=0))


def test_values_that_are_not_ascii_come_encoded() -> None:
    plain = request(("exclude-patterns", "a%20b"))
    assert metadata_values(plain, "exclude-patterns") == ("a%20b",)
    encoded = request(("exclude-patterns", "%C3%A9+x"), ("exclude-patterns-encoded", "1"))
    assert metadata_values(encoded, "exclude-patterns") == ("é x",)


def test_a_result_becomes_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    incoming = [
        entry("d", GO_DIRECTORY | 0o755),
        entry("d/file", 0o755),
        entry("d/same", 0o755, "d/file"),
        entry("d/link", GO_SYMLINK | 0o777, "file"),
        entry("empty"),
        entry("null", 1 << 26 | 1 << 21 | 0o666),
        packet(Packet.PACKET_STAT),
        packet(Packet.PACKET_DATA, ID=1, data=b"he"),
        packet(Packet.PACKET_DATA, ID=4),
        packet(Packet.PACKET_DATA, ID=1, data=b"llo"),
        packet(Packet.PACKET_DATA, ID=1),
        packet(Packet.PACKET_FIN),
    ]
    sent = drive(receive_results({0: ToFolder(out)})(request()), incoming)
    kinds = [Packet.FromString(each) for each in sent]
    assert [(each.type, each.ID) for each in kinds] == [
        (Packet.PACKET_REQ, 1),
        (Packet.PACKET_REQ, 4),
        (Packet.PACKET_FIN, 0),
    ]
    file = out / "d" / "file"
    assert file.read_text() == "hello"
    assert (out / "d" / "same").samefile(file)
    assert file.stat().st_mode & 0o777 == 0o755
    assert file.stat().st_mtime_ns == MTIME
    assert (out / "d").stat().st_mtime_ns == MTIME
    assert os.fspath((out / "d" / "link").readlink()) == "file"
    assert sorted(each.name for each in out.iterdir()) == ["d", "empty"]


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "", "link/x"])
def test_a_result_cannot_leave_its_folder(tmp_path: Path, path: str) -> None:
    out = tmp_path / "out"
    incoming = [entry("link", GO_SYMLINK, "/tmp"), entry(path)]
    problems: list[str] = []
    with pytest.raises(RpcError, match="outside the folder"):
        drive(receive_results({0: ToFolder(out)}, problems)(request()), incoming)
    assert "outside the folder" in problems[0]


def test_a_result_that_is_cut_off_leaves_no_half_files(tmp_path: Path) -> None:
    dialogue = receive_results({0: ToFolder(tmp_path)})(request())
    next(dialogue)
    dialogue.send(entry("file"))
    dialogue.send(None)
    dialogue.send(packet(Packet.PACKET_DATA, ID=0, data=b"x"))
    dialogue.close()
    assert list(tmp_path.iterdir()) == []


def data(content: bytes) -> bytes:
    return BytesMessage(data=content).SerializeToString()


def test_a_result_becomes_a_file_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.tar"
    handler = receive_results({2: ToFile(target)})
    exporter = request(("buildkit-attachable-exporter-id", "2"))
    dialogue = handler(exporter)
    next(dialogue)
    dialogue.send(data(b"half"))
    dialogue.close()
    assert list(target.parent.iterdir()) == []
    drive(handler(exporter), [data(b"a"), data(b"b")])
    assert target.read_bytes() == b"ab"


def test_a_pipe_is_closed_at_the_end_so_that_its_reader_goes_on() -> None:
    pipe = io.BytesIO()
    drive(receive_results({0: ToPipe(pipe)})(request()), [data(b"a")])
    assert pipe.closed


def test_an_exporter_without_a_place_is_an_error() -> None:
    with pytest.raises(RpcError, match="no destination"):
        drive(receive_results({})(request()), [])
