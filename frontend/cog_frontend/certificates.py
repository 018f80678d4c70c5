"""The certificates of COG_CA_CERT: a company's own authorities, for builds behind its proxy.

Forms are those of Cog's CLI but for paths outside the project, which only a CLI can read:
PEM text, the base64 of it, or the path of a file in the build context.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from cog_frontend.option_values import OptionError

ARG_CERTIFICATES = "COG_CA_CERT"

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", re.DOTALL)
_KINDS = {b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"}  # RFC 7468 5.1
_DER_SEQUENCE = 0x30


def read_certificates(value: str, read: Callable[[str], bytes | None]) -> tuple[bytes, ...]:
    """Return each certificate once, as PEM, in the order given; empty text gives none.

    ``read`` gives the content of a file of the build context, or None. Raises ``OptionError``.
    """
    if not value.strip():
        return ()
    blocks = _BLOCK.findall(_content(value.strip(), read))
    if any(b"PRIVATE KEY" in kind for kind, _ in blocks):
        raise OptionError(f"{ARG_CERTIFICATES} holds a private key: pass the certificates alone")
    found = [_certificate(body) for kind, body in blocks if kind in _KINDS]
    if not found:
        raise OptionError(f"{ARG_CERTIFICATES} holds no PEM certificate")
    return tuple(dict.fromkeys(found))


def _content(value: str, read: Callable[[str], bytes | None]) -> bytes:
    if "-----BEGIN" in value:
        # A shell may have written line ends as two characters.
        return value.replace("\\n", "\n").encode()
    decoded = _decoded(value.encode())
    if decoded is not None and b"-----BEGIN" in decoded:
        return decoded
    if not value.startswith("/") and ".." not in value.split("/"):
        content = read(value)
        if content is not None:
            return content
    raise OptionError(
        f"{ARG_CERTIFICATES}={_shortened(value)} is neither a PEM certificate, nor base64 of one,"
        " nor a file of the project (for another file: --build-arg"
        f' {ARG_CERTIFICATES}="$(cat FILE)")'
    )


def _certificate(body: bytes) -> bytes:
    der = _decoded(body)
    if not der or der[0] != _DER_SEQUENCE:
        raise OptionError(f"{ARG_CERTIFICATES} holds a certificate that is not base64 of DER")
    text = base64.b64encode(der)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return b"\n".join((b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""))


def _decoded(data: bytes) -> bytes | None:
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error:
        return None


def _shortened(value: str) -> str:
    return value if len(value) <= 60 else f"{value[:57]}..."
