"""The daemon's side of LLBBridge in memory: real messages, virtual files, no container.

``FakeBridge`` is a ``Transport``: a call is answered when it is started, ``log`` tells in which
order calls were started and awaited. Like the daemon it stores a solve unread: definitions are
loaded and run when their content is asked for, or at the return. What it does with a definition
is told in ``tests/fakes/solver.py``; the filters that it applies to local sources are include,
exclude and follow patterns with ``*``, ``?``, ``**`` and ``!``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from posixpath import basename

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from buildkit_llb import Definition
from buildkit_llb.pb import ops_pb2 as pb
from cog_frontend.errors import Span
from cog_frontend.gateway.failure import ErrorSource, source_detail
from cog_frontend.gateway.pb import caps_pb2, gateway_pb2, stat_pb2, status_pb2, worker_pb2
from cog_frontend.gateway.values import DEFAULT_LLB_CAPS, CacheImport
from cog_frontend.rpc import RpcError
from cog_frontend.rpc.dispatch import Handler, unary
from tests.fakes.caps import FRONTEND_CAPS, MODERN, Abilities
from tests.fakes.solver import InvalidDefinition, Run, Solver, VertexFailed, local_files
from tests.fakes.tree import Entry, Missing, Tree, names

SERVICE = "/moby.buildkit.v1.frontend.LLBBridge/"
UNKNOWN, RESOURCE_EXHAUSTED, UNIMPLEMENTED = 2, 8, 12
MAX_MESSAGE = 16 << 20


@dataclass(frozen=True, slots=True)
class FakeImage:
    """An image of a registry: its config (OCI JSON) and its files.

    ``os`` and ``architecture`` are those asked for where the config names none. The digest is that
    of the config unless one is given; ``digest=""`` is a local image of Docker's graphdriver store.
    """

    config: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, bytes | Entry] = field(default_factory=dict)
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Solved:
    """One Solve request as it arrived."""

    definition: Definition
    cache_imports: tuple[CacheImport, ...]
    evaluate: bool


@dataclass(frozen=True, slots=True)
class FakeCall:
    """A call that has its answer already."""

    name: str
    outcome: bytes | RpcError
    log: list[str]

    def result(self) -> bytes:
        self.log.append(f"await {self.name}")
        if isinstance(self.outcome, RpcError):
            raise self.outcome
        return self.outcome


def _writes_nothing(run: Run) -> Mapping[str, bytes]:
    return {}


class FakeBridge:
    """One build. ``solves``, ``warnings``, ``returned`` and ``build_error`` tell what happened.

    ``files`` are the local sources by name, ``images`` what the registry has by full reference,
    ``remotes`` other sources by identifier, ``runner`` what exec ops write, ``rewrites`` a source
    policy (reference to identifier), ``inputs`` what the client hands in. ``fail`` answers a method
    with an error. ``build_error`` is what the client sees when a returned ref cannot be made.
    """

    def __init__(  # noqa: PLR0913 - keyword-only: one option per thing that a test may set
        self,
        *,
        files: Mapping[str, Mapping[str, bytes | Entry]] | None = None,
        images: Mapping[str, FakeImage] | None = None,
        remotes: Mapping[str, Mapping[str, bytes | Entry]] | None = None,
        runner: Callable[[Run], Mapping[str, bytes]] = _writes_nothing,
        caps: Abilities = MODERN,
        rewrites: Mapping[str, str] | None = None,
        inputs: Mapping[str, Definition] | None = None,
        fail: Mapping[str, RpcError] | None = None,
    ) -> None:
        self.files = {name: Tree.of(each) for name, each in (files or {}).items()}
        self.images = dict(images or {})
        self.remotes = {name: Tree.of(each) for name, each in (remotes or {}).items()}
        self.caps = caps
        self.rewrites = dict(rewrites or {})
        self.inputs = dict(inputs or {})
        self.fail = dict(fail or {})
        self.solver = Solver(
            self._source, runner, DEFAULT_LLB_CAPS if caps.llb is None else caps.llb
        )
        self.log: list[str] = []
        self.solves: list[Solved] = []
        self.resolved: list[str] = []
        self.warnings: list[gateway_pb2.WarnRequest] = []
        self.returned: gateway_pb2.ReturnRequest | None = None
        self.build_error: RpcError | None = None
        self._refs: dict[str, pb.Definition] = {}

    # What a frontend does

    def start(self, method: str, request: bytes) -> FakeCall:
        name = method.removeprefix(SERVICE)
        self.log.append(f"start {name}")
        try:
            outcome: bytes | RpcError = self._answer(name, request)
        except RpcError as error:
            outcome = error
        return FakeCall(name, outcome, self.log)

    def handlers(self) -> dict[str, Handler]:
        """The same service for ``rpc.Server``: a frontend in another process can be tested."""

        def handler(method: str) -> Handler:
            return unary(lambda request: self.start(method, request).result())

        return {SERVICE + name: handler(SERVICE + name) for name in self._methods()}

    def _methods(self) -> dict[str, Callable[[bytes], Message]]:
        return {
            "Ping": self._ping,
            "Solve": self._solve,
            "ResolveSourceMeta": self._resolve_source_meta,
            "ResolveImageConfig": self._resolve_image_config,
            "ReadFile": self._read_file,
            "ReadDir": self._read_dir,
            "StatFile": self._stat_file,
            "Evaluate": self._evaluate,
            "Inputs": self._inputs,
            "Warn": self._warn,
            "Return": self._return,
        }

    def _answer(self, name: str, request: bytes) -> bytes:
        methods = self._methods()
        if name in self.fail:
            raise self.fail[name]
        if name not in methods:
            raise RpcError(UNIMPLEMENTED, f"unknown method {name}")
        reply = methods[name](_bounded(request)).SerializeToString(deterministic=True)
        return _bounded(reply)

    # What a test asks

    def tree(self, ref: str = "") -> Tree:
        """The filesystem of a ref; without one, of the single ref that was returned."""
        return self._content(ref or self.result.ref.id)

    @property
    def result(self) -> gateway_pb2.Result:
        """The result that was returned; a returned error fails the test with its message."""
        assert self.returned is not None, "the frontend has not returned"
        assert not self.returned.HasField("error"), self.returned.error.message
        return self.returned.result

    @property
    def error(self) -> status_pb2.Status:
        """The error that was returned."""
        assert self.returned is not None, "the frontend has not returned"
        assert self.returned.HasField("error"), "the frontend returned a result"
        return self.returned.error

    def _ping(self, request: bytes) -> Message:
        pong = gateway_pb2.PongResponse()
        for caps, listed in (
            (self.caps.frontend, pong.FrontendAPICaps),
            (self.caps.llb, pong.LLBCaps),
        ):
            if caps is not None:
                listed.extend(caps_pb2.APICap(ID=each, Enabled=True) for each in sorted(caps))
        for each, reason in self.caps.disabled.items():
            listed = pong.FrontendAPICaps if each in FRONTEND_CAPS else pong.LLBCaps
            listed.append(caps_pb2.APICap(ID=each, DisabledReasonMsg=reason))
        labels = {"org.mobyproject.buildkit.worker.executor": "fake"}
        if self.caps.snapshotter:
            labels["org.mobyproject.buildkit.worker.snapshotter"] = self.caps.snapshotter
        pong.Workers.append(
            worker_pb2.WorkerRecord(
                ID="worker0",
                Labels=labels,
                platforms=map(_platform, self.caps.platforms),
            )
        )
        return pong

    def _solve(self, request: bytes) -> Message:
        asked = gateway_pb2.SolveRequest.FromString(request)
        definition = pb.Definition.FromString(asked.Definition.SerializeToString())
        imports = tuple(CacheImport(each.Type, dict(each.Attrs)) for each in asked.CacheImports)
        if not (asked.allowResultReturn and asked.allowResultArrayRef):
            raise RpcError(UNKNOWN, "the fake answers with a result that has refs only")
        self.solves.append(Solved(Definition.from_pb(definition), imports, asked.Evaluate))
        response = gateway_pb2.SolveResponse()
        response.result.ref.id = ""
        if getattr(definition, "def"):
            name = f"ref{len(self._refs)}"
            self._refs[name] = definition
            response.result.ref.id = name
            if asked.Evaluate and self._has("gateway.solve.evaluate"):
                self._content(name)
        return response

    def _resolve_source_meta(self, request: bytes) -> Message:
        self._need("source.metaresolver")
        asked = gateway_pb2.ResolveSourceMetaRequest.FromString(request)
        ref = asked.Source.identifier.removeprefix("docker-image://")
        self.resolved.append(ref)
        identifier = self.rewrites.get(ref, asked.Source.identifier)
        response = gateway_pb2.ResolveSourceMetaResponse(Source=pb.SourceOp(identifier=identifier))
        if identifier.startswith("docker-image://"):
            image = self._image(identifier.removeprefix("docker-image://"))
            response.Image.Config = _config(image, asked.Platform)
            response.Image.Digest = _image_digest(image, response.Image.Config)
        return response

    def _resolve_image_config(self, request: bytes) -> Message:
        asked = gateway_pb2.ResolveImageConfigRequest.FromString(request)
        self.resolved.append(asked.Ref)
        image = self._image(asked.Ref)
        config = _config(image, asked.Platform)
        return gateway_pb2.ResolveImageConfigResponse(
            Ref=asked.Ref, Digest=_image_digest(image, config), Config=config
        )

    def _read_file(self, request: bytes) -> Message:
        asked = gateway_pb2.ReadFileRequest.FromString(request)
        entry = self._entry(asked.Ref, asked.FilePath)
        if entry.is_dir:
            raise RpcError(UNKNOWN, f"read {asked.FilePath}: is a directory")
        data = entry.data
        if asked.HasField("Range"):
            data = data[asked.Range.Offset :][: asked.Range.Length]
        return gateway_pb2.ReadFileResponse(Data=data)

    def _read_dir(self, request: bytes) -> Message:
        self._need("readdir")
        asked = gateway_pb2.ReadDirRequest.FromString(request)
        if not self._entry(asked.Ref, asked.DirPath).is_dir:
            raise RpcError(UNKNOWN, f"stat {asked.DirPath}: not a directory")
        children = self._content(asked.Ref).children(asked.DirPath)
        return gateway_pb2.ReadDirResponse(
            entries=[
                _stat(name, entry)
                for name, entry in children.items()
                if not asked.IncludePattern or names(asked.IncludePattern, name)
            ]
        )

    def _stat_file(self, request: bytes) -> Message:
        self._need("statfile")
        asked = gateway_pb2.StatFileRequest.FromString(request)
        entry = self._entry(asked.Ref, asked.Path)
        name = basename(self._content(asked.Ref).resolve(asked.Path)) or "buildkit-mount1"
        return gateway_pb2.StatFileResponse(stat=_stat(name, entry))

    def _evaluate(self, request: bytes) -> Message:
        self._need("gateway.evaluate")
        self._content(gateway_pb2.EvaluateRequest.FromString(request).Ref)
        return gateway_pb2.EvaluateResponse()

    def _inputs(self, request: bytes) -> Message:
        self._need("frontend.inputs")
        return gateway_pb2.InputsResponse(
            Definitions={name: each.to_pb() for name, each in self.inputs.items()}
        )

    def _warn(self, request: bytes) -> Message:
        self._need("gateway.warnings")
        self.warnings.append(gateway_pb2.WarnRequest.FromString(request))
        return gateway_pb2.WarnResponse()

    def _return(self, request: bytes) -> Message:
        asked = gateway_pb2.ReturnRequest.FromString(request)
        if self.returned is not None:
            raise RpcError(UNKNOWN, "gateway result is already set")
        if asked.HasField("error") == asked.HasField("result"):
            raise RpcError(UNKNOWN, "return needs a result or an error")
        stated = asked.result.attestations.values()
        refs = [
            asked.result.ref.id,
            *(each.id for each in asked.result.refs.refs.values()),
            *(one.ref.id for each in stated for one in each.attestation),
        ]
        for ref in filter(None, refs):
            if ref not in self._refs:
                raise RpcError(UNKNOWN, f"return reference {ref} not found")
        if len(asked.result.refs.refs) > 1 and "refs.platforms" not in asked.result.metadata:
            raise RpcError(UNKNOWN, "unable to map multiple refs, missing refs.platforms")
        if stated:
            self._need("reference.attestations")
        self.returned = asked
        try:
            for ref in filter(None, refs):
                self._content(ref)
        except RpcError as error:
            self.build_error = error
        return gateway_pb2.ReturnResponse()

    # What the daemon has

    def _has(self, cap: str) -> bool:
        return self.caps.frontend is not None and cap in self.caps.frontend

    def _need(self, cap: str) -> None:
        if not self._has(cap):
            raise RpcError(UNIMPLEMENTED, f"the daemon lacks {cap}")

    def _image(self, ref: str) -> FakeImage:
        host, slash, _ = ref.partition("/")
        if not slash or not {".", ":"} & set(host):
            raise RpcError(UNKNOWN, f"invalid image reference {ref}: it names no registry")
        found = self.images.get(ref) or self.images.get(ref.partition("@")[0])
        if found is None:
            raise RpcError(UNKNOWN, f"{ref}: not found")
        return found

    def _source(self, op: pb.SourceOp) -> Tree:
        scheme, _, name = op.identifier.partition("://")
        if scheme in {"docker-image", "oci-layout"}:
            try:
                return Tree.of(self._image(name).files)
            except RpcError as error:
                raise LookupError(error.message) from error
        if scheme == "local":
            return local_files(self.files.get(name, Tree()), op.attrs)
        if op.identifier not in self.remotes:
            raise LookupError(f"{op.identifier}: not found")
        return self.remotes[op.identifier]

    def _definition(self, ref: str) -> pb.Definition:
        if ref not in self._refs:
            raise RpcError(UNKNOWN, f"no such ref: {ref}")
        return self._refs[ref]

    def _content(self, ref: str) -> Tree:
        definition = self._definition(ref)
        try:
            return self.solver.solve(definition)
        except InvalidDefinition as error:
            raise RpcError(UNKNOWN, f"failed to load LLB: {error}") from error
        except VertexFailed as error:
            raise _step_error(error, definition) from error

    def _entry(self, ref: str, path: str) -> Entry:
        tree = self._content(ref)
        try:
            return tree[path]
        except Missing as error:
            # The daemon adds the detail of a solve to every error of a file, an empty one here.
            solve = Any(type_url="github.com/moby/buildkit/errdefs.Solve+json", value=b"{}")
            raise RpcError(UNKNOWN, str(error), _status(str(error), [solve])) from error


def _bounded(message: bytes) -> bytes:
    if len(message) > MAX_MESSAGE:
        text = f"grpc: received message larger than max ({len(message)} vs. {MAX_MESSAGE})"
        raise RpcError(RESOURCE_EXHAUSTED, text)
    return message


def _step_error(error: VertexFailed, definition: pb.Definition) -> RpcError:
    """The error of a vertex, with its digest and the places that it comes from."""
    digest = json.dumps({"digest": error.digest}).encode()
    details = [Any(type_url="github.com/moby/buildkit/errdefs.Vertex+json", value=digest)]
    for location in definition.Source.locations[error.digest].locations:
        info = definition.Source.infos[location.sourceIndex]
        spans = tuple(Span(each.start.line, each.end.line) for each in location.ranges)
        detail = source_detail(ErrorSource(info.filename, info.data, spans, info.language))
        details.append(Any(type_url=detail.type_url, value=detail.value))
    return RpcError(UNKNOWN, error.message, _status(error.message, details))


def _status(message: str, details: Collection[Any]) -> bytes:
    status = status_pb2.Status(code=UNKNOWN, message=message, details=details)
    return status.SerializeToString(deterministic=True)


def _config(image: FakeImage, platform: pb.Platform) -> bytes:
    asked = {"os": platform.OS or "linux", "architecture": platform.Architecture or "amd64"}
    if platform.Variant:
        asked["variant"] = platform.Variant
    return json.dumps({**asked, **image.config}).encode()


def _image_digest(image: FakeImage, config: bytes) -> str:
    return f"sha256:{sha256(config).hexdigest()}" if image.digest is None else image.digest


def _platform(text: str) -> pb.Platform:
    system, architecture, *variant = text.split("/")
    return pb.Platform(OS=system, Architecture=architecture, Variant="".join(variant))


def _stat(path: str, entry: Entry) -> stat_pb2.Stat:
    return stat_pb2.Stat(
        path=path,
        mode=entry.mode,
        size=len(entry.data),
        modTime=entry.mtime_ns,
        linkname=entry.linkname,
    )
