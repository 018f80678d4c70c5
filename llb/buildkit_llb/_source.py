"""Leaves of the graph: images, local directories, git trees, files from the web.

Identifiers, attributes and caps: BuildKit's client/llb/source.go and solver/pb/attr.go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from buildkit_llb import _caps as caps
from buildkit_llb._errors import (
    INT32_MAX,
    UINT32_MAX,
    LLBError,
    check_digest,
    check_list,
    check_mode,
    check_number,
    check_text,
    check_texts,
)
from buildkit_llb._graph import Constraints, Edge, Encoded, Output, encode_op, encode_source
from buildkit_llb._metadata import NO_METADATA, Metadata
from buildkit_llb._platform import Platform, check_platform
from buildkit_llb._reference import normalise
from buildkit_llb._state import State

# An attribute, its value and the cap that it needs ("" for none); without a value it is left out.
Row = tuple[str, str, str]

BY_PLATFORM = ("docker-image://", "oci-layout://")
PERMISSIONS = 0o777

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

    @property
    def summary(self) -> str:
        """The identifier."""
        return self.identifier

    def encode(self, edges: Sequence[Edge], constraints: Constraints) -> Encoded:
        """Encode the op; only images differ by platform."""
        by_platform = self.identifier.startswith(BY_PLATFORM)
        platform = (self.platform or constraints.platform) if by_platform else None
        kind = encode_source(self.identifier, self.attrs)
        return Encoded(encode_op(edges, kind, platform), self.needed)


def image(  # noqa: PLR0913 - keyword-only: one option per attribute of the source
    ref: str,
    *,
    resolve_mode: Literal["", "default", "pull", "local"] = "",
    platform: Platform | None = None,
    record_type: Literal["", "regular", "internal", "frontend"] = "",
    layer_limit: int | None = None,
    checksum: str = "",
    metadata: Metadata = NO_METADATA,
) -> State:
    """Load an image; ``python:3.12`` is ``docker.io/library/python:3.12``.

    ``resolve_mode``: ask the registry always (``pull``), or use what the daemon has (``local``).
    ``record_type`` is what the daemon's disk usage calls it. ``layer_limit`` takes the first
    layers only. ``checksum`` is the digest the image must have. What the image's config says of
    environment, directory and user is not known here: see ``State.with_image_config``.
    Raises LLBError for what is no reference.
    """
    if resolve_mode not in {"", "default", "pull", "local"}:
        raise LLBError(f"image resolve mode is not default, pull or local: {resolve_mode!r}")
    if record_type not in {"", "regular", "internal", "frontend"}:
        raise LLBError(f"image record type is not regular, internal or frontend: {record_type!r}")
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
    return leaf(identifier, rows, {caps.SOURCE_IMAGE}, platform=platform, metadata=metadata)


def oci_layout(  # noqa: PLR0913 - keyword-only: one option per attribute of the source
    ref: str,
    *,
    session_id: str = "",
    store_id: str = "",
    layer_limit: int | None = None,
    platform: Platform | None = None,
    metadata: Metadata = NO_METADATA,
) -> State:
    """Load an image from a store of the client; ``ref`` is ``name@digest``.

    ``store_id`` is what the client calls the store, ``session_id`` which client that is.
    ``layer_limit`` takes the first layers only. Raises LLBError for a reference without digest.
    """
    check_text("OCI layout reference", ref)
    check_digest("OCI layout reference", ref.partition("@")[2])
    rows = (
        ("oci.session", session_id, ""),
        ("oci.store", store_id, ""),
        ("oci.layerlimit", _layers(layer_limit), ""),
    )
    needed = {caps.SOURCE_OCI_LAYOUT}
    return leaf(f"oci-layout://{ref}", rows, needed, platform=platform, metadata=metadata)


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
    ``metadata_only_except``. Raises LLBError for a name or option that no client can mean.
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
    return leaf(f"local://{name}", rows, {caps.SOURCE_LOCAL}, metadata=metadata)


def http(  # noqa: PLR0913 - keyword-only: one option per attribute of the source
    url: str,
    *,
    checksum: str = "",
    filename: str = "",
    mode: int | None = None,
    uid: int | None = None,
    gid: int | None = None,
    auth_header_secret: str = "",
    accept: str = "",
    user_agent: str = "",
    metadata: Metadata = NO_METADATA,
) -> State:
    """Load one file; the tree holds it as ``filename`` (default: the last part of the URL).

    With ``checksum`` a file that the daemon has is not asked for again. ``mode`` default: 0600.
    ``auth_header_secret`` names a secret to send as the Authorization header; ``accept`` and
    ``user_agent`` are sent as the headers of those names. Raises LLBError for another kind of
    URL, a file name with a folder in it, and what is no digest, mode or id.
    """
    check_text("URL", url)
    if not url.startswith(("http://", "https://")):
        raise LLBError(f"URL is not http:// or https://: {url!r}")
    if filename and ("/" in filename or filename in {".", ".."}):
        raise LLBError(f"file name of {url} has a folder in it: {filename!r}")
    if checksum:
        check_digest(f"checksum of {url}", checksum)
    if mode is not None:
        check_mode(url, mode, PERMISSIONS)
        if not mode:
            raise LLBError(f"mode of {url} is 0, which the daemon takes for 0o600")
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
        ("http.header.accept", accept, caps.SOURCE_HTTP_HEADER),
        ("http.header.user-agent", user_agent, caps.SOURCE_HTTP_HEADER),
    )
    return leaf(url, rows, {caps.SOURCE_HTTP}, metadata=metadata)


def source(
    identifier: str,
    attrs: Mapping[str, str] | None = None,
    *,
    caps: Collection[str],
    platform: Platform | None = None,
    metadata: Metadata = NO_METADATA,
) -> State:
    """Load what ``identifier`` and ``attrs`` name to the daemon, for what has no function here.

    ``caps`` is what the daemon must know: the source's own name and one for each attribute
    (BuildKit's solver/pb/caps.go and attr.go). An attribute without a value is left out. Nothing
    is checked but that it can be sent.
    """
    check_text("source identifier", identifier)
    if "://" not in identifier:
        raise LLBError(f"source identifier has no scheme such as local://: {identifier!r}")
    check_texts("caps", tuple(caps))
    rows = tuple((key, value, "") for key, value in (attrs or {}).items())
    return leaf(identifier, rows, caps, platform=platform, metadata=metadata)


def leaf(
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
    if platform is not None:
        check_platform(platform)
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
    check_list("a list of patterns", texts)
    quoted = ",".join(f'"{text.translate(_JSON_ESCAPES)}"' for text in texts)
    return f"[{quoted}]" if quoted else ""


def _layers(limit: int | None) -> str:
    if limit is None:
        return ""
    check_number("layer limit", limit, 1, INT32_MAX)
    return str(limit)
