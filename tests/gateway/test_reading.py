"""Files of any size through messages of limited size, and files that are missing."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import buildkit_llb as llb
from cog_frontend.errors import FrontendError
from cog_frontend.gateway import Bridge, FileTooLarge, Ref
from cog_frontend.gateway.reading import CHUNK_BYTES, CHUNKS_IN_FLIGHT, FILE_LIMIT, Reading
from cog_frontend.rpc import RpcError
from tests.fakes.bridge import FakeBridge
from tests.fakes.tree import Entry, symlink

AMD64 = llb.Platform.parse("linux/amd64")


def opened(files: dict[str, bytes | Entry], chunk_bytes: int = CHUNK_BYTES) -> tuple[Bridge, Ref]:
    return opened_in(FakeBridge(files={"context": files}), chunk_bytes)


def opened_in(fake: FakeBridge, chunk_bytes: int = CHUNK_BYTES) -> tuple[Bridge, Ref]:
    bridge = Bridge(fake, chunk_bytes=chunk_bytes)
    ref = bridge.solve(llb.marshal(llb.local("context"), platform=AMD64))
    assert ref
    return bridge, ref


def pattern(size: int) -> bytes:
    """Bytes whose place in the file shows."""
    return bytes(index % 251 for index in range(size))


@given(
    size=st.integers(0, 120),
    chunk_bytes=st.integers(1, 50),
    limit=st.integers(0, 150),
    size_hint=st.none() | st.integers(0, 200),
)
@example(size=100, chunk_bytes=50, limit=100, size_hint=None)
@example(size=100, chunk_bytes=50, limit=100, size_hint=100)
@example(size=100, chunk_bytes=101, limit=100, size_hint=100)
@example(size=101, chunk_bytes=101, limit=100, size_hint=101)
def test_a_file_is_read_whole_or_refused_as_too_large(
    size: int, chunk_bytes: int, limit: int, size_hint: int | None
) -> None:
    bridge, ref = opened({"file": pattern(size)}, chunk_bytes)
    if size > limit:
        with pytest.raises(FileTooLarge, match=f"file is larger than {limit} bytes"):
            bridge.read_file(ref, "file", size_hint=size_hint, limit=limit)
    else:
        assert bridge.read_file(ref, "file", size_hint=size_hint, limit=limit) == pattern(size)


@given(
    size=st.integers(0, 300),
    chunk_bytes=st.integers(1, 30),
    limit=st.integers(0, 300),
    size_hint=st.integers(0, 300),
)
def test_chunks_are_asked_for_in_order_without_gaps_and_never_beyond_the_limit(
    size: int, chunk_bytes: int, limit: int, size_hint: int
) -> None:
    reading = Reading("file", limit=limit, size_hint=size_hint, chunk_bytes=chunk_bytes)
    in_flight = deque(reading.wanted())
    end = 0
    try:
        while not reading.done:
            assert 0 < len(in_flight) <= CHUNKS_IN_FLIGHT
            offset, length = in_flight.popleft()
            assert offset == end
            end = offset + length
            assert length <= chunk_bytes
            assert end <= limit + 1
            reading.take(pattern(size)[offset:end])
            in_flight.extend(reading.wanted())
        assert reading.content == pattern(size)
        assert reading.wanted() == []
    except FileTooLarge:
        assert size > limit


def test_a_small_file_takes_one_call() -> None:
    bridge, ref = opened({"cog.yaml": b"build: {}\n"})
    fake = bridge._transport
    assert isinstance(fake, FakeBridge)
    assert bridge.read_file(ref, "cog.yaml") == b"build: {}\n"
    assert fake.log.count("start ReadFile") == 1


def test_a_known_size_puts_the_chunks_on_the_wire_at_once() -> None:
    fake = FakeBridge(files={"context": {"file": pattern(25)}})
    bridge, ref = opened_in(fake, chunk_bytes=10)
    pending = bridge.start_read_file(ref, "file", size_hint=25)
    assert fake.log.count("start ReadFile") == 3
    assert pending.result() == pattern(25)
    assert fake.log.count("start ReadFile") == 3


def test_a_file_larger_than_a_message_is_read() -> None:
    data = bytes(range(256)) * (40 << 12)  # 40 MiB: the daemon sends 16 MiB at most
    bridge, ref = opened({"pylock.toml": data})
    assert bridge.read_file(ref, "pylock.toml") == data
    assert len(data) < FILE_LIMIT


def test_an_answer_longer_than_asked_for_is_refused() -> None:
    reading = Reading("file", limit=100, size_hint=None, chunk_bytes=10)
    reading.wanted()
    with pytest.raises(FrontendError, match="11 bytes came, 10 were asked for"):
        reading.take(bytes(11))


@pytest.mark.parametrize("path", ["missing", "folder/missing", "file/below", "dangling"])
def test_a_file_that_is_not_there_is_none_when_optional(path: str) -> None:
    bridge, ref = opened({"file": b"", "folder/x": b"", "dangling": symlink("nowhere")})
    assert bridge.read_file_optional(ref, path) is None
    with pytest.raises(RpcError):
        bridge.read_file(ref, path)


def test_an_optional_file_that_is_there_is_read() -> None:
    bridge, ref = opened({"real": b"text", "link": symlink("real"), "empty": b""})
    assert bridge.read_file_optional(ref, "real") == b"text"
    assert bridge.read_file_optional(ref, "/link") == b"text"
    assert bridge.read_file_optional(ref, "empty") == b""


def test_optional_files_are_asked_for_at_once() -> None:
    fake = FakeBridge(files={"context": {"cog.yaml": b"a"}})
    bridge, ref = opened_in(fake)
    config = bridge.start_read_file(ref, "cog.yaml")
    ignore = bridge.start_read_file_optional(ref, "cog.yaml.dockerignore")
    assert fake.log[-2:] == ["start ReadFile", "start ReadFile"]
    assert (config.result(), ignore.result()) == (b"a", None)


def test_a_directory_is_no_missing_file() -> None:
    bridge, ref = opened({"folder/x": b""})
    with pytest.raises(RpcError, match="is a directory"):
        bridge.read_file_optional(ref, "folder")


def test_an_unknown_ref_is_no_missing_file() -> None:
    with pytest.raises(RpcError, match="no such ref"):
        Bridge(FakeBridge()).read_file_optional(Ref("other"), "file")


def test_a_failing_step_is_no_missing_file_even_when_it_says_so() -> None:
    bridge = Bridge(FakeBridge(files={"context": {}}))
    broken = llb.local("context").file(llb.rm("/missing"))
    ref = bridge.solve(llb.marshal(broken, platform=AMD64))
    assert ref
    with pytest.raises(RpcError, match="no such file or directory"):
        bridge.read_file_optional(ref, "file")


def test_a_directory_is_listed_with_kinds_and_sizes() -> None:
    bridge, ref = opened(
        {
            "weights/a.safetensors": Entry(0o600, b"12345", mtime_ns=7),
            "weights/b.txt": b"",
            "weights/deep/c.safetensors": b"",
            "weights/link": symlink("b.txt"),
        }
    )
    entries = {each.path: each for each in bridge.read_dir(ref, "weights")}
    assert list(entries) == ["a.safetensors", "b.txt", "deep", "link"]
    file, folder, link = entries["a.safetensors"], entries["deep"], entries["link"]
    assert (file.size, file.mode, file.mtime_ns) == (5, 0o600, 7)
    assert (file.is_dir, file.is_symlink) == (False, False)
    assert (folder.is_dir, folder.is_symlink) == (True, False)
    assert (link.is_dir, link.is_symlink, link.linkname) == (False, True, "b.txt")


def test_a_directory_is_listed_by_pattern() -> None:
    bridge, ref = opened({"a.txt": b"", "b.md": b"", "c/d.txt": b""})
    assert [each.path for each in bridge.read_dir(ref, ".", "*.txt")] == ["a.txt"]


def test_a_file_has_a_stat() -> None:
    bridge, ref = opened(
        {"requirements.txt": b"torch\n", "below/link": symlink("../requirements.txt")}
    )
    stat = bridge.stat_file(ref, "requirements.txt")
    assert (stat.path, stat.size, stat.mode, stat.is_dir) == ("requirements.txt", 6, 0o644, False)
    assert bridge.stat_file(ref, "/").is_dir
    assert bridge.stat_file(ref, "below/link").path == "requirements.txt"
