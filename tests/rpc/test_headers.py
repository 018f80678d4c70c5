"""Header lists: what goes out can be read by any gRPC peer, what comes in may be anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.rpc import Code, RpcError, Status
from cog_frontend.rpc import headers as wire
from cog_frontend.rpc.status import ConnectionLost, status_from_http, status_from_reset


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_message_survives_the_wire_as_printable_ascii(text: str) -> None:
    encoded = wire.encode_text(text)
    assert wire.decode_text(encoded) == text
    assert all(0x20 <= byte <= 0x7E for byte in encoded)
    assert encoded == encoded.strip()


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("plain text", b"plain text"),
        ("100%", b"100%25"),
        ("é\n", b"%C3%A9%0A"),
        ("  both ends ", b"%20%20both ends%20"),
        (" ", b"%20"),
    ],
)
def test_only_what_must_be_encoded_is(text: str, encoded: bytes) -> None:
    assert wire.encode_text(text) == encoded


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        (b"50%", "50%"),
        (b"%zz %4", "%zz %4"),
        (b"%c3%a9", "é"),
        (b"%ff", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_malformed_message_is_shown_as_far_as_it_goes(encoded: bytes, text: str) -> None:
    assert wire.decode_text(encoded) == text


@given(st.floats(1e-9, 3.5e11))
def test_a_timeout_never_shrinks_and_fits_eight_digits(seconds: float) -> None:
    encoded = wire.encode_timeout(seconds)
    assert len(encoded) <= 9
    decoded = wire.decode_timeout(encoded)
    assert decoded is not None
    assert seconds <= decoded * (1 + 1e-9)
    assert decoded <= seconds * 1.001 + 2e-9


@pytest.mark.parametrize(
    ("seconds", "encoded"),
    [(0.0, b"1n"), (-3.0, b"1n"), (1e20, b"99999999H"), (0.05, b"50000000n")],
)
def test_timeouts_at_the_edges(seconds: float, encoded: bytes) -> None:
    assert wire.encode_timeout(seconds) == encoded


@pytest.mark.parametrize("text", [b"", b"5", b"S", b"123456789S", b"-1S", b"1.5S", b"1S "])
def test_a_malformed_timeout_is_none(text: bytes) -> None:
    assert wire.decode_timeout(text) is None


KEYS = st.text("abcxyz019_.", min_size=1, max_size=8)
TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)).map(str.strip)
PAIRS = st.one_of(st.tuples(KEYS, TEXT), st.tuples(KEYS.map(lambda key: key + "-bin"), st.binary()))


@given(st.lists(PAIRS))
def test_metadata_survives_in_order_with_repeated_keys(
    pairs: list[tuple[str, str | bytes]],
) -> None:
    assert list(wire.decode_metadata(wire.encode_metadata(pairs))) == pairs


@pytest.mark.parametrize(
    "pair",
    [
        ("Upper", "x"),
        ("grpc-status", "0"),
        ("te", "x"),
        ("content-type", "x"),
        (":path", "x"),
        ("", "x"),
        ("key", b"bytes"),
        ("key-bin", "text"),
        ("key", "line\nbreak"),
        ("key", "é"),
        ("key", " blank first"),
    ],
)
def test_metadata_that_grpc_cannot_carry_is_refused(pair: tuple[str, str | bytes]) -> None:
    with pytest.raises(ValueError, match="metadata"):
        wire.encode_metadata([pair])


def test_binary_metadata_may_be_padded_joined_or_broken() -> None:
    raw = [(b"a-bin", b"AQI="), (b"b-bin", b"AQ,Ag"), (b"c-bin", b"!!"), (b"d", b"\xff")]
    assert wire.decode_metadata(raw) == (
        ("a-bin", b"\x01\x02"),
        ("b-bin", b"\x01"),
        ("b-bin", b"\x02"),
        ("d", "\N{REPLACEMENT CHARACTER}"),
    )


@pytest.mark.parametrize("method", ["Service/Method", "", "/with\nbreak", "/é"])
def test_a_method_that_is_no_path_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="method"):
        wire.request_headers(method, "localhost", (), timeout=None)


@given(st.integers(1, 99), st.text(st.characters(exclude_categories=["Cs"])), st.binary())
def test_a_status_survives_as_trailers(code: int, message: str, details: bytes) -> None:
    status = Status(code, message, details)
    assert wire.parse_trailers(wire.trailers(status)) == status


def test_broken_details_do_not_hide_the_message() -> None:
    headers = [
        (b"grpc-status", b"5"),
        (b"grpc-message", b"gone"),
        (b"grpc-status-details-bin", b"?"),
    ]
    assert wire.parse_trailers(headers) == Status(Code.NOT_FOUND, "gone")


def test_a_status_that_is_no_number_is_unknown() -> None:
    found = wire.parse_trailers([(b"grpc-status", b"many"), (b"grpc-message", b"gone")])
    assert found == Status(Code.UNKNOWN, "malformed grpc-status b'many': gone")


@pytest.mark.parametrize(
    ("http_status", "code"),
    [
        (400, Code.INTERNAL),
        (401, Code.UNAUTHENTICATED),
        (403, Code.PERMISSION_DENIED),
        (404, Code.UNIMPLEMENTED),
        (429, Code.UNAVAILABLE),
        (502, Code.UNAVAILABLE),
        (503, Code.UNAVAILABLE),
        (504, Code.UNAVAILABLE),
        (500, Code.UNKNOWN),
        (302, Code.UNKNOWN),
        (200, Code.UNKNOWN),
    ],
)
def test_http_statuses_mean_what_grpc_says(http_status: int, code: Code) -> None:
    assert status_from_http(http_status) is code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (0x0, Code.INTERNAL),
        (0x1, Code.INTERNAL),
        (0x2, Code.INTERNAL),
        (0x3, Code.INTERNAL),
        (0x4, Code.INTERNAL),
        (0x5, Code.UNKNOWN),
        (0x6, Code.INTERNAL),
        (0x7, Code.UNAVAILABLE),
        (0x8, Code.CANCELLED),
        (0x9, Code.INTERNAL),
        (0xA, Code.INTERNAL),
        (0xB, Code.RESOURCE_EXHAUSTED),
        (0xC, Code.PERMISSION_DENIED),
        (0xD, Code.UNKNOWN),
        (0xFFFF, Code.UNKNOWN),
    ],
)
def test_resets_mean_what_grpc_says(error: int, code: Code) -> None:
    assert status_from_reset(error).code is code


def test_errors_tell_their_code_by_name() -> None:
    assert str(RpcError(5, "no such ref")) == "NOT_FOUND: no such ref"
    assert str(RpcError(77, "odd")) == "77: odd"
    lost = ConnectionLost("the daemon died")
    assert (str(lost), lost.code) == ("UNAVAILABLE: the daemon died", Code.UNAVAILABLE)
