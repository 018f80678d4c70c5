"""Header lists of gRPC over HTTP/2: made from values, read into values; no state.

Rules: gRPC's PROTOCOL-HTTP2.md ("Requests", "Responses"). Header lists are sequences of byte
pairs, pseudo-headers first.
"""

from __future__ import annotations

import math
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import NamedTuple

from cog_frontend.rpc.events import Metadata
from cog_frontend.rpc.status import Code, Status, status_from_http

Headers = Iterable[tuple[bytes, bytes]]

_CONTENT_TYPE = b"application/grpc"
_NOT_METADATA = frozenset({"content-type", "te"})
_NANOSECONDS = {
    b"n": 1,
    b"u": 10**3,
    b"m": 10**6,
    b"S": 10**9,
    b"M": 60 * 10**9,
    b"H": 3600 * 10**9,
}
# Patterns as text: re compiles and keeps them when they are first needed, which is after import.
_KEY = "[0-9a-z_.-]+"
_TIMEOUT = b"([0-9]{1,8})([HMSmun])"
_ENCODED = b"%([0-9A-Fa-f]{2})"
_UNSAFE = rb"[^ -$&-~]+|\A +| +\Z"


class Request(NamedTuple):
    """What a client's headers say; ``timeout`` in seconds, None for no limit."""

    method: str
    metadata: Metadata
    timeout: float | None


def request_headers(
    method: str, authority: str, metadata: Metadata, *, timeout: float | None
) -> list[tuple[bytes, bytes]]:
    """Headers that open a call; ValueError for a method or metadata that cannot be sent."""
    if not (method.startswith("/") and method.isascii() and method.isprintable()):
        raise ValueError(f"a method is /package.Service/Method, got {method!r}")
    headers = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", method.encode()),
        (b":authority", authority.encode()),
        (b"te", b"trailers"),
    ]
    if timeout is not None:
        headers.append((b"grpc-timeout", encode_timeout(timeout)))
    headers.append((b"content-type", _CONTENT_TYPE))
    return headers + encode_metadata(metadata)


def response_headers(metadata: Metadata = ()) -> list[tuple[bytes, bytes]]:
    """Headers that start an answer; ValueError for metadata that cannot be sent."""
    return [(b":status", b"200"), (b"content-type", _CONTENT_TYPE), *encode_metadata(metadata)]


def trailers(status: Status, metadata: Metadata = ()) -> list[tuple[bytes, bytes]]:
    """Trailers that end an answer; ValueError for metadata that cannot be sent."""
    found = [(b"grpc-status", str(int(status.code)).encode())]
    if status.message:
        found.append((b"grpc-message", encode_text(status.message)))
    if status.details:
        found.append((b"grpc-status-details-bin", _encode_binary(status.details)))
    return found + encode_metadata(metadata)


def parse_request(headers: Headers) -> Request | Status | int:
    """Read what a client sent.

    A Status says why it cannot be served; a number is the HTTP status for what is no gRPC.
    """
    fields = dict(headers)
    if fields.get(b":method") != b"POST":
        return 405
    if not _is_grpc(fields):
        return 415
    timeout = None
    if (text := fields.get(b"grpc-timeout")) is not None:
        timeout = decode_timeout(text)
        if timeout is None:
            return Status(Code.INTERNAL, f"malformed grpc-timeout {text!r}")
    return Request(
        method=fields.get(b":path", b"").decode("latin-1"),
        metadata=decode_metadata(headers),
        timeout=timeout,
    )


def refused_response(headers: Headers) -> Status | None:
    """None for a gRPC answer; otherwise what its HTTP status and content type amount to."""
    fields = dict(headers)
    http_status = fields.get(b":status", b"")
    content_type = fields.get(b"content-type", b"").decode("latin-1")
    if http_status == b"200" and _is_grpc(fields):
        return None
    text = f"not a gRPC answer: HTTP status {http_status.decode('latin-1')}, {content_type!r}"
    number = int(http_status) if http_status.isdigit() else 0
    return Status(status_from_http(number), text)


def parse_trailers(headers: Headers) -> Status | None:
    """How the call ended; None where the list has no grpc-status.

    Malformed details are dropped: they must not hide the message.
    """
    fields = dict(headers)
    text = fields.get(b"grpc-status")
    if text is None:
        return None
    message = decode_text(fields.get(b"grpc-message", b""))
    if not text.isdigit():
        return Status(Code.UNKNOWN, f"malformed grpc-status {text!r}: {message}")
    details = _decode_binary(fields.get(b"grpc-status-details-bin", b""))
    return Status(int(text), message, details or b"")


def encode_metadata(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Header pairs of metadata; ValueError names the key or value that gRPC cannot carry."""
    return [(key.encode(), _encode_value(key, value)) for key, value in metadata]


def _encode_value(key: str, value: str | bytes) -> bytes:
    if not re.fullmatch(_KEY, key) or key.startswith("grpc-") or key in _NOT_METADATA:
        raise ValueError(f"not a metadata key: {key!r}")
    if key.endswith("-bin") != isinstance(value, bytes):
        raise ValueError(f"metadata {key!r}: keys with -bin take bytes, others text")
    if isinstance(value, bytes):
        return _encode_binary(value)
    # "ASCII-Value -> 1*( %x20-%x7E )"; empty is accepted here, as every implementation does.
    if not (value.isascii() and value.isprintable() and value == value.strip()):
        raise ValueError(f"metadata {key!r}: only printable ASCII, no space at the ends")
    return value.encode()


def decode_metadata(headers: Headers) -> Metadata:
    """The caller's own pairs of a header list, in order; malformed binary values are dropped."""
    found: list[tuple[str, str | bytes]] = []
    for raw_key, raw_value in headers:
        key = raw_key.decode("latin-1")
        if key.startswith((":", "grpc-")) or key in _NOT_METADATA:
            continue
        if not key.endswith("-bin"):
            found.append((key, raw_value.decode("utf-8", "replace")))
            continue
        # Equal keys may arrive joined by commas, which base64 never contains.
        values = map(_decode_binary, raw_value.split(b","))
        found.extend((key, value) for value in values if value is not None)
    return tuple(found)


def encode_timeout(seconds: float) -> bytes:
    """grpc-timeout, rounded up to what eight digits can say; at least one nanosecond."""
    wanted = max(1, math.ceil(min(seconds, 1e15) * 1e9))
    for unit, nanoseconds in _NANOSECONDS.items():
        amount = -(-wanted // nanoseconds)
        if amount < 10**8:
            return str(amount).encode() + unit
    return b"99999999H"


def decode_timeout(text: bytes) -> float | None:
    """Seconds of a grpc-timeout value; None when malformed."""
    match = re.fullmatch(_TIMEOUT, text)
    return int(match[1]) * _NANOSECONDS[match[2]] / 1e9 if match else None


def encode_text(text: str) -> bytes:
    """Percent-encode a grpc-message.

    Blanks at the ends are encoded too: gRPC allows them as they are, HTTP (RFC 9113 8.2.1) does
    not, and peers exist that close the connection over one.
    """
    return re.sub(_UNSAFE, _percent, text.encode("utf-8", "replace"))


def _percent(match: re.Match[bytes]) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in match[0])


def decode_text(data: bytes) -> str:
    """Text of a grpc-message; what is not well-formed stays as it is, as gRPC demands."""
    raw = re.sub(_ENCODED, lambda match: bytes((int(match[1], 16),)), data)
    return raw.decode("utf-8", "replace")


def _is_grpc(fields: dict[bytes, bytes]) -> bool:
    return fields.get(b"content-type", b"").split(b";")[0].split(b"+")[0] == _CONTENT_TYPE


def _encode_binary(value: bytes) -> bytes:
    return b64encode(value).rstrip(b"=")


def _decode_binary(value: bytes) -> bytes | None:
    """Bytes of a -bin header, padded or not; None when it is not base64."""
    bare = value.rstrip(b"=")
    try:
        return b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except ValueError:
        return None
