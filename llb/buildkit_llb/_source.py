"""Leaves of the graph: images, local directories, git trees, files from the web.

Identifiers, attributes and caps: BuildKit's client/llb/source.go and solver/pb/attr.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from buildkit_llb import _caps as caps
from buildkit_llb._errors import (
    MODE_MAX,
    UINT32_MAX,
    LLBError,
    check_digest,
    check_number,
    check_text,
)
from buildkit_llb._graph import Constraints, Edge, Encoded, Output, encode_op
from buildkit_llb._metadata import NO_METADATA, Metadata
from buildkit_llb._platform import Platform
from buildkit_llb._reference import normalise
from buildkit_llb._state import State
from buildkit_llb.pb import ops_pb2 as pb

# An attribute, its value and the cap that it needs ("" for none); without a value it is left out.
Row = tuple[str, str, str]

BY_PLATFORM = ("docker-image://", "oci-layout://")

# Go's encoding/json escapes for HTML too, and the two line ends of JavaScript.
_JSON_ESCAPES = str.maketrans(
    {chr(code): f"\\u{code:04x}" for code in (*range(0x20), *b"<>&", 0x2028, 0x2029)}
    | {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceOp:
    """Loads what ``identifier`` and ``attrs`` (pairs) name; ``needed`` are its caps."""

    identifier: str
    attrs: tuple[tuple[str, str], ...]
    needed: frozenset[str]
    platform: Platform | None = None
    metadata: Metadata = field(default=NO_METADATA, repr=False)
    inputs: tuple[Output, ...] = ()

    def encode(self, edges: Sequence[Edge], constraints: Constraints) -> Encoded:
        """Encode the op; only images differ by platform."""
        by_platform = self.identifier.startswith(BY_PLATFORM)
        platform = (self.platform or constraints.platform) if by_platform else None
        kind = pb.Op(source=pb.SourceOp(identifier=self.identifier, attrs=dict(self.attrs)))
        return Encoded(encode_op(edges, kind, platform), self.needed)


def image(  # noqa: PLR0913 - keyword-only: one option per attribute of the source
    ref: str,
    *,
    resolve_mode: Literal["", "default", "pull", "local"] = "",
    platform: Platform | None = None,
    record_type: str = "",
    layer_limit: int | None = None,
    checksum: str = "",
    metadata: Metadata = NO_METADATA,
) -> State:
    """Load an image; ``python:3.12`` is ``docker.io/library/python:3.12``.

    ``resolve_mode``: ask the registry always (``pull``), or use what the daemon has (``local``).
    ``layer_limit`` takes the first layers only. ``checksum`` is the digest the image must have.
    Raises LLBError for what is no reference.
    """
    if resolve_mode not in {"", "default", "pull", "local"}:
        raise LLBError(f"image resolve mode is not default, pull or local: {resolve_mode!r}")
    if checksum:
        check_digest("image checksum", checksum)
    mode = resolve_mode if resolve_mode != "default" else ""  # as Go, which never spells it
    rows = (
        ("image.resolvemode", mode, caps.SOURCE_IMAGE_RESOLVE_MODE if mode == "pull" else ""),
        ("image.recordtype", record_type, ""),
        ("image.layerlimit", _layers(layer_limit), caps.SOURCE_IMAGE_LAYER_LIMIT),
        ("image.checksum", checksum, caps.SOURCE_IMAGE_CHECKSUM),
    )
    identifier = f"docker-image://{normalise(ref)}"
    return source(identifier, rows, {caps.SOURCE_IMAGE}, platform=platform, metadata=metadata)


def oci_layout(  # noqa: PLR0913 - keyword-only: one option per attribute of the source
    ref: str,
    *,
    session_id: str = "",
    store_id: str = "",
    layer_limit: int | None = None,
    platform: Platform | None = None,
    metadata: Metadata = NO_METADATA,
) -> State:
    """Load an image from a store of the client; ``ref`` is ``name@digest``."""
    check_text("OCI layout reference", ref)
    check_digest("OCI layout reference", ref.partition("@")[2])
    rows = (
        ("oci.session", session_id, ""),
        ("oci.store", store_id, ""),
        ("oci.layerlimit", _layers(layer_limit), ""),
    )
    needed = {caps.SOURCE_OCI_LAYOUT}
    return source(f"oci-layout://{ref}", rows, needed, platform=platform, metadata=metadata)


def local(  # noqa: PLR0913 - keyword-only: one option per attribute of the source
    name: str,
    *,
    session_id: str = "",
    unique: str = "",
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    follow: Sequence[str] = (),
    shared_key_hint: str = "",
    differ: Literal["", "none", "metadata"] = "",
    differ_required: bool = False,
    metadata_only: bool = False,
    metadata_only_except: Sequence[str] = (),
    metadata: Metadata = NO_METADATA,
) -> State:
    """Load the directory that the client calls ``name``.

    ``session_id`` says which client; without it give a ``unique`` text per build, or two builds
    at once would share one directory. ``include`` and ``exclude`` are patterns as in
    ``.dockerignore``, ``follow`` the only paths to send. ``shared_key_hint`` tells transfers
    apart that the daemon keeps for the next build. ``differ`` ``none`` sends files again though
    size and time are equal. ``metadata_only`` sends names and sizes without content, but for
    ``metadata_only_except``.
    """
    check_text("local name", name)
    if differ not in {"", "none", "metadata"}:
        raise LLBError(f"local differ is not none or metadata: {differ!r}")
    rows: list[Row] = [
        ("local.session", session_id, caps.SOURCE_LOCAL_SESSION_ID),
        ("local.unique", "" if session_id else unique, caps.SOURCE_LOCAL_UNIQUE),
        ("local.includepattern", _go_json(include), caps.SOURCE_LOCAL_INCLUDE),
        ("local.followpaths", _go_json(follow), caps.SOURCE_LOCAL_FOLLOW),
        ("local.excludepatterns", _go_json(exclude), caps.SOURCE_LOCAL_EXCLUDE),
        ("local.sharedkeyhint", shared_key_hint, caps.SOURCE_LOCAL_SHARED_KEY_HINT),
        ("local.differ", differ, caps.SOURCE_LOCAL_DIFFER if differ_required else ""),
    ]
    if metadata_only:
        spared = _go_json(metadata_only_except)
        rows += [
            ("local.metadatatransfer", "true", caps.SOURCE_LOCAL_METADATA_TRANSFER),
            ("local.metadatatransferexclude", spared, ""),
        ]
    return source(f"local://{name}", rows, {caps.SOURCE_LOCAL}, metadata=metadata)


def http(  # noqa: PLR0913 - keyword-only: one option per attribute of the source
    url: str,
    *,
    checksum: str = "",
    filename: str = "",
    mode: int | None = None,
    uid: int | None = None,
    gid: int | None = None,
    auth_header_secret: str = "",
    metadata: Metadata = NO_METADATA,
) -> State:
    """Load one file; the tree holds it as ``filename`` (default: the last part of the URL).

    With ``checksum`` a file that the daemon has is not asked for again. ``mode`` default: 0600.
    ``auth_header_secret`` names a secret to send as the Authorization header.
    """
    check_text("URL", url)
    if not url.startswith(("http://", "https://")):
        raise LLBError(f"URL is not http:// or https://: {url!r}")
    if filename and ("/" in filename or filename in {".", ".."}):
        raise LLBError(f"file name of {url} has a folder in it: {filename!r}")
    if checksum:
        check_digest(f"checksum of {url}", checksum)
    if mode is not None:
        check_number(f"mode of {url}", mode, 1, MODE_MAX)
    for number in (uid or 0, gid or 0):
        check_number(f"owner of {url}", number, 0, UINT32_MAX)
    rows = (
        ("http.checksum", checksum, caps.SOURCE_HTTP_CHECKSUM),
        ("http.filename", filename, ""),
        ("http.perm", f"0{mode:o}" if mode else "", caps.SOURCE_HTTP_PERM),
        # Root is the default, and Go leaves it out.
        ("http.uid", str(uid or ""), caps.SOURCE_HTTP_UID_GID),
        ("http.gid", str(gid or ""), caps.SOURCE_HTTP_UID_GID),
        ("http.authheadersecret", auth_header_secret, caps.SOURCE_HTTP_AUTH),
    )
    return source(url, rows, {caps.SOURCE_HTTP}, metadata=metadata)


def source(
    identifier: str,
    rows: Iterable[Row],
    needed: Iterable[str],
    *,
    platform: Platform | None = None,
    metadata: Metadata,
) -> State:
    """Return the state of one source; an image's platform stays with what is built on it.

    ``needed`` are caps that are needed whatever ``rows`` hold.
    """
    given = [row for row in rows if row[1]]
    for key, value, _ in given:
        check_text(f"{key} of {identifier}", value)
    op = SourceOp(
        identifier=identifier,
        attrs=tuple((key, value) for key, value, _ in given),
        needed=frozenset(needed) | {cap for _, _, cap in given if cap},
        platform=platform,
        metadata=metadata,
    )
    return State(Output(op), platform=platform)


def _go_json(texts: Sequence[str]) -> str:
    """Return a JSON list as Go writes it, "" for an empty one."""
    if isinstance(texts, str):
        raise LLBError(f"a list of patterns is one text: {texts!r}")
    quoted = ",".join(f'"{text.translate(_JSON_ESCAPES)}"' for text in texts)
    return f"[{quoted}]" if quoted else ""


def _layers(limit: int | None) -> str:
    if limit is None:
        return ""
    if limit < 1:
        raise LLBError(f"layer limit is {limit}, not 1 or more")
    return str(limit)
