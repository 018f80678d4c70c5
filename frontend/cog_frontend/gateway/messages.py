"""The messages of LLBBridge: values to request bytes, reply bytes to values; no I/O.

Field by field this is frontend/gateway/pb/gateway.proto of BuildKit. Importing this module loads
protobuf, so the bridge does it after its first bytes are on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError

from buildkit_llb import Definition, Platform, Range, SourceInfo, ranges_to_pb
from buildkit_llb.pb import ops_pb2
from cog_frontend.errors import FrontendError
from cog_frontend.gateway.failure import Failure, source_detail
from cog_frontend.gateway.pb import caps_pb2, gateway_pb2, stat_pb2, status_pb2, worker_pb2
from cog_frontend.gateway.result import Attestation, Result
from cog_frontend.gateway.values import (
    DEFAULT_FRONTEND_CAPS,
    DEFAULT_LLB_CAPS,
    CacheImport,
    Capabilities,
    Ref,
    ResolvedImage,
    Stat,
    Worker,
    utf8,
)

# client/llb/sourceresolver: where a reference is looked up.
OCI_LAYOUT = 1
IMAGE_SCHEME = "docker-image://"

# A status that is too large for one message would lose the whole error.
MAX_STATUS_BYTES = 12 << 20
MAX_MESSAGE_CHARS = 64 << 10


def solve_request(
    definition: Definition, cache_imports: Sequence[CacheImport], *, evaluate: bool
) -> bytes:
    """Return SolveRequest; the reply is always asked for as a result with refs."""
    imports = [
        gateway_pb2.CacheOptionsEntry(Type=entry.type, Attrs=entry.attrs) for entry in cache_imports
    ]
    return gateway_pb2.SolveRequest(
        Definition=definition.to_pb(),
        allowResultReturn=True,
        allowResultArrayRef=True,
        CacheImports=imports,
        Evaluate=evaluate,
    ).SerializeToString()


def solved_ref(reply: bytes) -> Ref | None:
    """Return the ref of a SolveResponse, None for scratch."""
    response = gateway_pb2.SolveResponse.FromString(reply)
    if response.result.WhichOneof("result") in {"refs", "refsDeprecated"}:
        raise FrontendError("the daemon answered one definition with several results")
    found = response.result.ref.id or response.result.refDeprecated or response.ref
    return Ref(found) if found else None


def capabilities(reply: bytes) -> Capabilities:
    """Return PongResponse; a list that is absent stands for what the oldest daemons could."""
    pong = gateway_pb2.PongResponse.FromString(reply)
    listed = [*pong.FrontendAPICaps, *pong.LLBCaps]
    return Capabilities(
        frontend=_enabled(pong.FrontendAPICaps, DEFAULT_FRONTEND_CAPS),
        llb=_enabled(pong.LLBCaps, DEFAULT_LLB_CAPS),
        workers=tuple(_worker(record) for record in pong.Workers),
        disabled={
            cap.ID: cap.DisabledReasonMsg or cap.DisabledReason or "disabled"
            for cap in listed
            if not cap.Enabled
        },
    )


def source_meta_request(
    ref: str, *, platform: Platform | None, resolve_mode: str, log_name: str
) -> bytes:
    """Return ResolveSourceMetaRequest for an image."""
    return gateway_pb2.ResolveSourceMetaRequest(
        Source=ops_pb2.SourceOp(identifier=IMAGE_SCHEME + ref),
        Platform=platform.to_pb() if platform else None,
        LogName=log_name,
        ResolveMode=resolve_mode,
    ).SerializeToString()


def source_meta(reply: bytes) -> ResolvedImage:
    """Return ResolveSourceMetaResponse, whose source may differ from the one asked for."""
    response = gateway_pb2.ResolveSourceMetaResponse.FromString(reply)
    return ResolvedImage(
        ref=response.Source.identifier.removeprefix(IMAGE_SCHEME),
        digest=response.Image.Digest,
        config=response.Image.Config,
    )


def image_config_request(
    ref: str, *, platform: Platform | None, resolve_mode: str, log_name: str
) -> bytes:
    """Return ResolveImageConfigRequest, which daemons before v0.13 know."""
    return gateway_pb2.ResolveImageConfigRequest(
        Ref=ref,
        Platform=platform.to_pb() if platform else None,
        ResolveMode=resolve_mode,
        LogName=log_name,
    ).SerializeToString()


def layout_config_request(
    ref: str, *, platform: Platform, session_id: str, store_id: str, log_name: str
) -> bytes:
    """Return ResolveImageConfigRequest for an image in an OCI layout of the client."""
    return gateway_pb2.ResolveImageConfigRequest(
        Ref=ref,
        Platform=platform.to_pb(),
        LogName=log_name,
        ResolverType=OCI_LAYOUT,
        SessionID=session_id,
        StoreID=store_id,
    ).SerializeToString()


def image_config(reply: bytes, asked: str) -> ResolvedImage:
    """Return ResolveImageConfigResponse; old daemons leave out the ref."""
    response = gateway_pb2.ResolveImageConfigResponse.FromString(reply)
    return ResolvedImage(ref=response.Ref or asked, digest=response.Digest, config=response.Config)


def read_file_request(ref: Ref, path: str, *, offset: int, length: int) -> bytes:
    """Return ReadFileRequest for ``length`` bytes from ``offset``."""
    span = gateway_pb2.FileRange(Offset=offset, Length=length)
    return gateway_pb2.ReadFileRequest(Ref=ref.id, FilePath=path, Range=span).SerializeToString()


def file_data(reply: bytes) -> bytes:
    """Return the bytes of a ReadFileResponse."""
    return gateway_pb2.ReadFileResponse.FromString(reply).Data


def read_dir_request(ref: Ref, path: str, pattern: str) -> bytes:
    """Return ReadDirRequest."""
    return gateway_pb2.ReadDirRequest(
        Ref=ref.id, DirPath=path, IncludePattern=pattern
    ).SerializeToString()


def dir_entries(reply: bytes) -> tuple[Stat, ...]:
    """Return the entries of a ReadDirResponse."""
    return tuple(map(_stat, gateway_pb2.ReadDirResponse.FromString(reply).entries))


def listed_files(data: bytes) -> tuple[Stat, ...]:
    """Return the entries that a transfer of metadata wrote down: each its size and a Stat.

    ``path`` is the whole path. Form: fsutil's receive.go, ``.fsutil-metadata``.
    """
    found: list[Stat] = []
    at = 0
    while at < len(data):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "little")
        found.append(_stat(stat_pb2.Stat.FromString(data[start:at])))
    return tuple(found)


def stat_file_request(ref: Ref, path: str) -> bytes:
    """Return StatFileRequest."""
    return gateway_pb2.StatFileRequest(Ref=ref.id, Path=path).SerializeToString()


def file_stat(reply: bytes) -> Stat:
    """Return the entry of a StatFileResponse."""
    return _stat(gateway_pb2.StatFileResponse.FromString(reply).stat)


def evaluate_request(ref: Ref) -> bytes:
    """Return EvaluateRequest."""
    return gateway_pb2.EvaluateRequest(Ref=ref.id).SerializeToString()


def input_definitions(reply: bytes) -> dict[str, Definition]:
    """Return the definitions of an InputsResponse by name."""
    response = gateway_pb2.InputsResponse.FromString(reply)
    return {name: Definition.from_pb(each) for name, each in response.Definitions.items()}


def warn_request(  # noqa: PLR0913 - keyword-only: one option per field of the wire message
    digest: str,
    short: str,
    *,
    level: int,
    detail: Iterable[str],
    url: str,
    info: SourceInfo | None,
    ranges: Iterable[Range],
) -> bytes:
    """Return WarnRequest."""
    return gateway_pb2.WarnRequest(
        digest=digest,
        level=level,
        short=utf8(short),
        detail=map(utf8, detail),
        url=url,
        info=_source_info_pb(info) if info else None,
        ranges=ranges_to_pb(ranges),
    ).SerializeToString()


def return_result_request(result: Result) -> bytes:
    """Return ReturnRequest; a result without a filesystem has a ref with an empty id."""
    message = gateway_pb2.Result(metadata=result.metadata)
    if result.refs:
        for key, ref in result.refs.items():
            message.refs.refs[key].id = _ref_id(ref)
    else:
        message.ref.id = _ref_id(result.ref)
    for key, stated in result.attestations.items():
        message.attestations[key].attestation.extend(map(_attestation, stated))
    return gateway_pb2.ReturnRequest(result=message).SerializeToString()


def _attestation(stated: Attestation) -> gateway_pb2.Attestation:
    """A statement whose subject is the image itself, whatever its digest will be."""
    return gateway_pb2.Attestation(
        kind=gateway_pb2.InToto,
        metadata={"reason": utf8(stated.reason)},
        ref=gateway_pb2.Ref(id=stated.ref.id),
        path=stated.path,
        inTotoPredicateType=stated.predicate_type,
        inTotoSubjects=[gateway_pb2.InTotoSubject(kind=gateway_pb2.Self)],
    )


def return_error_request(failure: Failure) -> bytes:
    """Return ReturnRequest; the status is kept below the size of one message."""
    message = utf8(failure.message).decode()[:MAX_MESSAGE_CHARS]
    # A client prints sources from the last to the first: wrapping and unwrapping an error on its
    # way (util/grpcerrors of BuildKit) turns their order round.
    own = [*failure.details, *map(source_detail, reversed(failure.sources))]
    details = [
        *_details(failure.passthrough),
        *(Any(type_url=each.type_url, value=each.value) for each in own),
    ]
    status = status_pb2.Status(
        code=failure.code, message=message, details=_largest_left_out(details)
    )
    return gateway_pb2.ReturnRequest(error=status).SerializeToString()


def names_a_vertex(status: bytes) -> bool:
    """Whether an error came from running a step, rather than from the call itself."""
    return any(detail.type_url.endswith("errdefs.Vertex+json") for detail in _details(status))


def _details(status: bytes) -> Sequence[Any]:
    """The details of a raw status; none when it is no status, for the message alone will do."""
    try:
        return status_pb2.Status.FromString(status).details
    except DecodeError:
        return ()


def _largest_left_out(details: Sequence[Any]) -> list[Any]:
    kept = list(details)
    while sum(detail.ByteSize() for detail in kept) > MAX_STATUS_BYTES:
        kept.remove(max(kept, key=Any.ByteSize))
    return kept


def _enabled(caps: Sequence[caps_pb2.APICap], default: frozenset[str]) -> frozenset[str]:
    return frozenset(cap.ID for cap in caps if cap.Enabled) if caps else default


def _worker(record: worker_pb2.WorkerRecord) -> Worker:
    platforms = tuple(map(_platform, record.platforms))
    return Worker(record.ID, platforms, dict(record.Labels))


def _platform(message: ops_pb2.Platform) -> Platform:
    """Normalised: an arm64 worker may call itself arm64/v8."""
    named = "/".join(filter(None, (message.OS, message.Architecture, message.Variant)))
    return replace(
        Platform.parse(named),
        os_version=message.OSVersion,
        os_features=tuple(message.OSFeatures),
    )


def _stat(message: stat_pb2.Stat) -> Stat:
    return Stat(
        path=message.path,
        mode=message.mode,
        size=message.size,
        mtime_ns=message.modTime,
        linkname=message.linkname,
    )


def _source_info_pb(info: SourceInfo) -> ops_pb2.SourceInfo:
    return ops_pb2.SourceInfo(
        filename=info.filename,
        data=info.data,
        language=info.language,
        definition=info.definition.to_pb() if info.definition else None,
    )


def _ref_id(ref: Ref | None) -> str:
    return ref.id if ref else ""
