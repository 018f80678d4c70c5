"""Framing below h2 and above it: HTTP/2 frames, and gRPC messages in DATA."""

from __future__ import annotations

import pytest
from hyperframe.frame import ContinuationFrame, DataFrame, HeadersFrame, SettingsFrame
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.rpc import Code, RpcError
from cog_frontend.rpc.frames import HEADERS, PREFACE, FrameError, FrameReader
from cog_frontend.rpc.messages import MessageReader, encode_message

SETTINGS = SettingsFrame(0).serialize()


def reader(*, preface: bytes = b"", max_frame: int = 16384, max_block: int = 4096) -> FrameReader:
    return FrameReader(preface=preface, max_frame=max_frame, max_block=max_block)


def headers(data: bytes, *flags: str, pad: int = 0) -> bytes:
    frame = HeadersFrame(3, data=data, flags=flags)
    frame.pad_length = pad
    return frame.serialize()


def continuation(data: bytes, *flags: str, stream: int = 3) -> bytes:
    return ContinuationFrame(stream, data=data, flags=flags).serialize()


def test_a_header_block_becomes_one_frame() -> None:
    parts = [headers(b"a", "END_STREAM"), continuation(b"b"), continuation(b"c", "END_HEADERS")]
    settings, frame = reader().receive(SETTINGS + b"".join(parts))
    assert settings == SETTINGS
    assert frame == headers(b"abc", "END_STREAM", "END_HEADERS")
    assert (frame.kind, frame.stream) == (HEADERS, 3)


def test_padding_and_priority_of_a_split_block_are_kept_apart_from_it() -> None:
    first = HeadersFrame(3, data=b"a", flags=("PADDED", "PRIORITY"))
    first.pad_length, first.depends_on, first.stream_weight = 5, 1, 7
    _, frame = reader().receive(SETTINGS + first.serialize() + continuation(b"b", "END_HEADERS"))
    whole, _ = HeadersFrame.parse_frame_header(memoryview(frame[:9]))
    whole.parse_body(memoryview(frame.payload))
    assert isinstance(whole, HeadersFrame)
    assert (whole.data, whole.depends_on, whole.stream_weight) == (b"ab", 1, 7)


def test_more_padding_than_payload_is_refused() -> None:
    broken = b"\x00\x00\x01" + bytes((HEADERS, 0x8)) + b"\x00\x00\x00\x03" + b"\x09"
    with pytest.raises(FrameError, match="padding"):
        list(reader().receive(SETTINGS + broken + continuation(b"b", "END_HEADERS")))


@pytest.mark.parametrize(
    "intruder", [SETTINGS, continuation(b"x", "END_HEADERS", stream=5), headers(b"x")]
)
def test_nothing_may_come_between_the_frames_of_a_block(intruder: bytes) -> None:
    with pytest.raises(FrameError, match="broke off a header block"):
        list(reader().receive(SETTINGS + headers(b"a") + intruder))


@pytest.mark.parametrize("piece", [b"x" * 1000, b""])
def test_a_block_has_a_limit_even_when_its_frames_are_empty(piece: bytes) -> None:
    frames = reader(max_block=4096)
    with pytest.raises(FrameError, match="more than 4096 bytes"):
        list(frames.receive(SETTINGS + headers(b"a") + continuation(piece) * 500))


def test_a_frame_over_the_limit_is_refused_by_its_head_alone() -> None:
    head = DataFrame(3, data=b"x" * 16385).serialize()[:9]
    with pytest.raises(FrameError, match="16385 bytes"):
        list(reader().receive(SETTINGS + head))


def test_what_is_no_http2_is_refused_at_its_first_bytes() -> None:
    with pytest.raises(FrameError, match=r"it began with b'HTTP/1\.1 '"):
        list(reader().receive(b"HTTP/1.1 400 Bad Request"))
    with pytest.raises(FrameError, match="preface"):
        list(reader(preface=PREFACE).receive(b"GET /"))


@given(st.binary(max_size=200), st.lists(st.integers(0, 40), max_size=30))
def test_any_cut_gives_the_same_frames(data: bytes, cuts: list[int]) -> None:
    stream = PREFACE + SETTINGS + headers(data, pad=3) + continuation(data, "END_HEADERS")
    stream += DataFrame(3, data=data).serialize()
    whole = list(reader(preface=PREFACE).receive(stream))
    frames, found, at = reader(preface=PREFACE), [], 0
    for size in [*cuts, len(stream)]:
        found += list(frames.receive(stream[at : at + size]))
        at += size
    assert found == whole
    assert len(whole) == 3


@given(st.lists(st.binary(max_size=50)), st.integers(1, 7))
def test_any_cut_gives_the_same_messages(sent: list[bytes], cut: int) -> None:
    stream = b"".join(map(encode_message, sent))
    messages, found = MessageReader(50), []
    for at in range(0, len(stream), cut):
        messages.receive(stream[at : at + cut])
        while (message := messages.next_message()) is not None:
            found.append(message)
    assert found == sent
    assert messages.empty


@pytest.mark.parametrize(
    ("prefix", "code"),
    [
        (b"\x01\x00\x00\x00\x00", Code.UNIMPLEMENTED),
        (b"\x02\x00\x00\x00\x00", Code.INTERNAL),
        (b"\x00\x00\x00\x00\x0b", Code.RESOURCE_EXHAUSTED),
    ],
)
def test_a_prefix_that_cannot_be_served_is_refused(prefix: bytes, code: Code) -> None:
    messages = MessageReader(10)
    messages.receive(prefix)
    with pytest.raises(RpcError) as caught:
        messages.next_message()
    assert caught.value.code is code


def test_the_limit_itself_is_allowed() -> None:
    messages = MessageReader(10)
    messages.receive(encode_message(b"x" * 10))
    assert messages.next_message() == b"x" * 10
