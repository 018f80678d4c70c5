# ruff: noqa: PLC0415 - each method imports the messages (and with them protobuf) where it needs
# them, so that Ping, the first call of every build, is on the wire before that import.
"""LLBBridge as methods: what a frontend asks of the daemon that runs it.

Knows only ``Transport.start(method, request)``. A method named ``start_...`` returns as soon as its
request is on the wire, unless it says that it waits for Ping; the one without waits for the answer.
Each raises ``RpcError`` when the daemon answers with an error.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from cog_frontend.gateway.failure import UNIMPLEMENTED, Failure
from cog_frontend.gateway.pending import Call, Pending, Transport
from cog_frontend.gateway.reading import (
    CHUNK_BYTES,
    FILE_LIMIT,
    Reading,
    says_missing,
)
from cog_frontend.gateway.result import Result
from cog_frontend.gateway.values import CacheImport, Capabilities, Ref, ResolvedImage, Stat
from cog_frontend.rpc import RpcError

if TYPE_CHECKING:
    from buildkit_llb import Definition, Platform, Range, SourceInfo

# Where a daemon keeps what a transfer of metadata has listed (fsutil, receive.go).
LISTING = "/.fsutil-metadata"
SERVICE = "/moby.buildkit.v1.frontend.LLBBridge/"

T = TypeVar("T")


class AlreadyReturned(Exception):
    """A build returns once; a second return is a bug of the caller."""


class Bridge:
    """The daemon's side of one build; ``chunk_bytes`` is how much of a file one reply carries."""

    def __init__(self, transport: Transport, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._transport = transport
        self._chunk_bytes = chunk_bytes
        self._pong: Pending[Capabilities] | None = None
        self._inputs: Pending[Mapping[str, Definition]] | None = None
        self._warnings: list[Call] = []
        self._returned = False

    def start_ping(self) -> Pending[Capabilities]:
        """Ask what the daemon can do; asked again, the first answer is given."""
        if self._pong is None:
            call = self._transport.start(SERVICE + "Ping", b"")

            def receive() -> Capabilities:
                from cog_frontend.gateway import messages

                return messages.capabilities(call.result())

            self._pong = Pending(receive)
        return self._pong

    def ping(self) -> Capabilities:
        """Return what the daemon can do."""
        return self.start_ping().result()

    def start_solve(
        self,
        definition: Definition,
        *,
        cache_imports: Sequence[CacheImport] = (),
        evaluate: bool = False,
    ) -> Pending[Ref | None]:
        """Ask for the filesystem of ``definition``; scratch is None.

        The daemon answers before anything ran, and even before it looked at the definition: errors
        come from the first call that needs the content, or after the return. ``evaluate`` waits for
        Ping and makes the answer wait until the steps have run.
        """
        from cog_frontend.gateway import messages

        if not definition.ops:
            return Pending(lambda: None)
        can_evaluate = evaluate and "gateway.solve.evaluate" in self.ping().frontend
        request = messages.solve_request(definition, cache_imports, evaluate=can_evaluate)
        solved = self._start("Solve", request, messages.solved_ref)
        if not evaluate or can_evaluate:
            return solved

        def evaluated() -> Ref | None:
            ref = solved.result()
            if ref:
                self.evaluate(ref)
            return ref

        return Pending(evaluated)

    def solve(
        self,
        definition: Definition,
        *,
        cache_imports: Sequence[CacheImport] = (),
        evaluate: bool = False,
    ) -> Ref | None:
        """Return the filesystem of ``definition``, as ``start_solve`` says."""
        return self.start_solve(definition, cache_imports=cache_imports, evaluate=evaluate).result()

    def start_resolve(
        self, ref: str, *, platform: Platform | None, resolve_mode: str = "", log_name: str = ""
    ) -> Pending[ResolvedImage]:
        """Ask for the digest and the config of an image; waits for Ping.

        ``ref`` is a full name (``docker.io/library/python:3.12``), ``resolve_mode`` one of
        ``default``, ``pull``, ``local``. ``log_name`` is what the progress display shows.
        """
        from cog_frontend.gateway import messages

        if "source.metaresolver" in self.ping().frontend:
            request = messages.source_meta_request(
                ref, platform=platform, resolve_mode=resolve_mode, log_name=log_name
            )
            return self._start("ResolveSourceMeta", request, messages.source_meta)
        request = messages.image_config_request(
            ref, platform=platform, resolve_mode=resolve_mode, log_name=log_name
        )
        return self._start(
            "ResolveImageConfig", request, lambda reply: messages.image_config(reply, ref)
        )

    def start_resolve_layout(
        self, ref: str, *, platform: Platform, session_id: str, store_id: str, log_name: str
    ) -> Pending[ResolvedImage]:
        """Ask for the config of an image that the client serves from a folder of OCI layout.

        ``ref`` has the digest; ``store_id`` names the folder within the session.
        """
        from cog_frontend.gateway import messages

        request = messages.layout_config_request(
            ref,
            platform=platform,
            session_id=session_id,
            store_id=store_id,
            log_name=log_name,
        )
        return self._start(
            "ResolveImageConfig", request, lambda reply: messages.image_config(reply, ref)
        )

    def resolve(
        self, ref: str, *, platform: Platform | None, resolve_mode: str = "", log_name: str = ""
    ) -> ResolvedImage:
        """Return the digest and the config of an image, as ``start_resolve`` says."""
        return self.start_resolve(
            ref, platform=platform, resolve_mode=resolve_mode, log_name=log_name
        ).result()

    def start_read_file(
        self, ref: Ref, path: str, *, size_hint: int | None = None, limit: int = FILE_LIMIT
    ) -> Pending[bytes]:
        """Ask for the content of a file of any size up to ``limit`` bytes.

        A reply holds one message's worth, so a large file comes in chunks; ``size_hint``, where
        the size is known, puts several on the wire at once. Raises ``FileTooLarge``.
        """
        reading = Reading(path, limit=limit, size_hint=size_hint, chunk_bytes=self._chunk_bytes)
        sent = deque(self._start_chunk(ref, path, each) for each in reading.wanted())

        def receive() -> bytes:
            while not reading.done:
                reading.take(sent.popleft().result())
                sent.extend(self._start_chunk(ref, path, each) for each in reading.wanted())
            return reading.content

        return Pending(receive)

    def read_file(
        self, ref: Ref, path: str, *, size_hint: int | None = None, limit: int = FILE_LIMIT
    ) -> bytes:
        """Return the content of a file, as ``start_read_file`` says."""
        return self.start_read_file(ref, path, size_hint=size_hint, limit=limit).result()

    def start_read_file_optional(
        self, ref: Ref, path: str, *, limit: int = FILE_LIMIT
    ) -> Pending[bytes | None]:
        """Ask for the content of a file that may be missing: then it is None."""
        content = self.start_read_file(ref, path, limit=limit)
        return Pending(lambda: _unless_missing(content))

    def read_file_optional(self, ref: Ref, path: str, *, limit: int = FILE_LIMIT) -> bytes | None:
        """Return the content of a file, None when there is no such file."""
        return self.start_read_file_optional(ref, path, limit=limit).result()

    def read_head(self, ref: Ref, path: str, length: int) -> bytes:
        """Return the first ``length`` bytes of a file, or all of a shorter one."""
        return self._start_chunk(ref, path, (0, length)).result()

    def start_read_dir(self, ref: Ref, path: str, pattern: str = "") -> Pending[tuple[Stat, ...]]:
        """Ask for the entries of a directory (not of those below) that match ``pattern``."""
        from cog_frontend.gateway import messages

        request = messages.read_dir_request(ref, path, pattern)
        return self._start("ReadDir", request, messages.dir_entries)

    def read_dir(self, ref: Ref, path: str, pattern: str = "") -> tuple[Stat, ...]:
        """Return the entries of a directory, as ``start_read_dir`` says."""
        return self.start_read_dir(ref, path, pattern).result()

    def start_listing(self, ref: Ref) -> Pending[tuple[Stat, ...]]:
        """Ask for all entries of a source of metadata only; each ``path`` is the whole path."""
        from cog_frontend.gateway import messages

        content = self.start_read_file(ref, LISTING)
        return Pending(lambda: messages.listed_files(content.result()))

    def stat_file(self, ref: Ref, path: str) -> Stat:
        """Return the entry at ``path``; of a symbolic link, the entry that it leads to."""
        from cog_frontend.gateway import messages

        request = messages.stat_file_request(ref, path)
        return self._start("StatFile", request, messages.file_stat).result()

    def evaluate(self, ref: Ref) -> None:
        """Run the steps of ``ref`` now; daemons that cannot are asked for its root entry."""
        from cog_frontend.gateway import messages

        if "gateway.evaluate" in self.ping().frontend:
            self._transport.start(SERVICE + "Evaluate", messages.evaluate_request(ref)).result()
        else:
            self.stat_file(ref, ".")

    def start_inputs(self) -> Pending[Mapping[str, Definition]]:
        """Ask what the client or another frontend handed in; asked again, the answer is the same.

        Waits for nothing: daemons that know no such call hand nothing in.
        """
        if self._inputs is None:
            call = self._transport.start(SERVICE + "Inputs", b"")
            self._inputs = Pending(lambda: _handed_in(call))
        return self._inputs

    def inputs(self) -> Mapping[str, Definition]:
        """Return the definitions that were handed in, by name."""
        return self.start_inputs().result()

    def warn(  # noqa: PLR0913 - keyword-only: one option per field of the wire message
        self,
        digest: str,
        short: str,
        *,
        level: int = 1,
        detail: Iterable[str] = (),
        url: str = "",
        info: SourceInfo | None = None,
        ranges: Iterable[Range] = (),
    ) -> None:
        """Show a warning at the vertex ``digest``; daemons that show none get none.

        ``detail`` are lines, ``info`` and ``ranges`` the lines of a file to show.
        """
        from cog_frontend.gateway import messages

        if "gateway.warnings" not in self.ping().frontend:
            return
        request = messages.warn_request(
            digest, short, level=level, detail=detail, url=url, info=info, ranges=ranges
        )
        self._warnings.append(self._transport.start(SERVICE + "Warn", request))

    def return_result(self, result: Result) -> None:
        """End the build with a result.

        Raises ``AlreadyReturned`` after a return that the daemon accepted. One that it refused
        may be followed by ``return_error``.
        """
        from cog_frontend.gateway import messages

        self._return(messages.return_result_request(result))

    def return_error(self, failure: Failure) -> None:
        """End the build with an error; raises as ``return_result`` does."""
        from cog_frontend.gateway import messages

        self._return(messages.return_error_request(failure))

    def _return(self, request: bytes) -> None:
        if self._returned:
            raise AlreadyReturned("the build has returned already")
        self._await_warnings()
        self._transport.start(SERVICE + "Return", request).result()
        self._returned = True

    def _await_warnings(self) -> None:
        """The daemon drops what is under way when the build returns."""
        warnings, self._warnings = self._warnings, []
        for warning in warnings:
            try:
                warning.result()
            except RpcError:
                continue  # a warning that cannot be shown must not fail the build

    def _start_chunk(self, ref: Ref, path: str, span: tuple[int, int]) -> Pending[bytes]:
        from cog_frontend.gateway import messages

        offset, length = span
        request = messages.read_file_request(ref, path, offset=offset, length=length)
        return self._start("ReadFile", request, messages.file_data)

    def _start(self, name: str, request: bytes, decode: Callable[[bytes], T]) -> Pending[T]:
        call = self._transport.start(SERVICE + name, request)
        return Pending(lambda: decode(call.result()))


def _handed_in(call: Call) -> Mapping[str, Definition]:
    try:
        reply = call.result()
    except RpcError as error:
        if error.code == UNIMPLEMENTED:
            return {}
        raise
    if not reply:  # most builds: protobuf is not needed to tell
        return {}
    from cog_frontend.gateway import messages

    return messages.input_definitions(reply)


def _unless_missing(content: Pending[bytes]) -> bytes | None:
    from cog_frontend.gateway import messages

    try:
        return content.result()
    except RpcError as error:
        # Reading may first run the steps that make the file: a failed step is not a missing file.
        if says_missing(error.message) and not messages.names_a_vertex(error.details):
            return None
        raise
