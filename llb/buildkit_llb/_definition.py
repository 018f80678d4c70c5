"""A marshalled graph: what travels to the daemon, as a frozen value with a wire form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from google.protobuf.message import DecodeError, Message

from buildkit_llb._errors import INT32_MAX, LLBError, check_text
from buildkit_llb._values import LinuxResources, Position, ProgressGroup, Range, ranges_to_pb
from buildkit_llb.pb import ops_pb2 as pb


def digest(op: bytes) -> str:
    """Return the name of an encoded op: ``sha256:`` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(op).hexdigest()}"


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A file that the build was made from, with its content; compared by value.

    ``language`` is for syntax colours; ``definition`` is the graph that loads the file.
    """

    filename: str
    data: bytes = field(repr=False)
    language: str = ""
    definition: Definition | None = None

    def __post_init__(self) -> None:
        check_text("name of a source file", self.filename, empty=True)
        check_text(f"language of {self.filename}", self.language, empty=True)


@dataclass(frozen=True, slots=True)
class Location:
    """The ranges of one file that caused a vertex."""

    info: SourceInfo
    ranges: Sequence[Range]

    def __post_init__(self) -> None:
        object.__setattr__(self, "ranges", tuple(self.ranges))
        for start, end in self.ranges:
            numbers = (start.line, start.character, end.line, end.character)
            if min(numbers) < 0:
                raise LLBError(f"{self.info.filename}: a position is negative: {start}, {end}")
            if max(numbers) > INT32_MAX:
                raise LLBError(f"{self.info.filename}: a position is past {INT32_MAX}: {end}")
            if end < start:
                raise LLBError(f"{self.info.filename}: a range ends before it starts: {start}")


class OpMetadata(NamedTuple):
    """What a definition says about one op; ``description`` holds the name and is sorted."""

    ignore_cache: bool = False
    description: tuple[tuple[str, str], ...] = ()
    export_cache: bool | None = None
    caps: frozenset[str] = frozenset()
    progress_group: ProgressGroup | None = None
    linux_resources: LinuxResources | None = None

    def merged(self, other: OpMetadata) -> OpMetadata:
        """Say both; where they differ ``other`` wins (``mergeMetadata`` in client/llb)."""
        return OpMetadata(
            ignore_cache=self.ignore_cache or other.ignore_cache,
            description=tuple(
                sorted({**dict(self.description), **dict(other.description)}.items())
            ),
            export_cache=self.export_cache if other.export_cache is None else other.export_cache,
            caps=self.caps | other.caps,
            progress_group=other.progress_group or self.progress_group,
            linux_resources=other.linux_resources or self.linux_resources,
        )

    def to_pb(self) -> pb.OpMetadata:
        """Return the wire form."""
        message = pb.OpMetadata(
            ignore_cache=self.ignore_cache,
            description=dict(self.description),
            caps=dict.fromkeys(self.caps, True),
        )
        if self.export_cache is not None:
            message.export_cache.CopyFrom(pb.ExportCache(Value=self.export_cache))
        if self.progress_group is not None:
            message.progress_group.CopyFrom(pb.ProgressGroup(**self.progress_group._asdict()))
        if self.linux_resources is not None:
            message.linux_resources.CopyFrom(self.linux_resources.to_pb())
        return message

    @classmethod
    def from_pb(cls, message: pb.OpMetadata) -> OpMetadata:
        """Read the wire form."""
        group = message.progress_group
        return cls(
            ignore_cache=message.ignore_cache,
            description=tuple(sorted(message.description.items())),
            export_cache=message.export_cache.Value if message.HasField("export_cache") else None,
            caps=frozenset(cap for cap, needed in message.caps.items() if needed),
            progress_group=ProgressGroup(group.id, group.name, group.weak)
            if message.HasField("progress_group")
            else None,
            linux_resources=LinuxResources.from_pb(message.linux_resources)
            if message.HasField("linux_resources")
            else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Definition:
    """Encoded ops, inputs before users, the return op last; no ops at all is ``scratch()``.

    ``metadata`` and ``locations`` are by digest of the op. ``infos`` are the files that the
    locations point into. Compared by value.
    """

    ops: tuple[bytes, ...] = ()
    metadata: Mapping[str, OpMetadata] = field(default_factory=dict)
    infos: tuple[SourceInfo, ...] = ()
    locations: Mapping[str, tuple[Location, ...]] = field(default_factory=dict)
    digests: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digests", tuple(map(digest, self.ops)))
        # Go writes entries that say nothing; without them equal definitions are equal values.
        said = {name: entry for name, entry in self.metadata.items() if entry != OpMetadata()}
        places = {name: found for name, found in self.locations.items() if found}
        object.__setattr__(self, "metadata", MappingProxyType(said))
        object.__setattr__(self, "locations", MappingProxyType(places))
        known = set(self.infos)
        for name, locations in self.locations.items():
            for location in locations:
                if location.info not in known:
                    raise LLBError(f"location of {name} is in no file of the definition")

    def __hash__(self) -> int:
        return hash(self.ops)

    def __repr__(self) -> str:
        return f"<Definition: {len(self.ops)} ops, head {self.head}>"

    @property
    def head(self) -> str | None:
        """Digest of the op whose output is returned; None for the empty tree."""
        if not self.ops:
            return None
        inputs = parse_op(self.ops[-1]).inputs
        return inputs[0].digest if inputs else None

    @property
    def caps(self) -> frozenset[str]:
        """Everything that a daemon must know for this definition."""
        return frozenset().union(*(entry.caps for entry in self.metadata.values()))

    def to_pb(self) -> pb.Definition:
        """Return the wire form."""
        message = pb.Definition()
        getattr(message, "def").extend(self.ops)
        for name, entry in self.metadata.items():
            message.metadata[name].CopyFrom(entry.to_pb())
        if not self.ops and not self.infos:
            return message
        message.Source.SetInParent()  # as Go, though it may be empty
        numbers = {info: number for number, info in enumerate(self.infos)}
        message.Source.infos.extend(map(_info_to_pb, self.infos))
        for name, locations in self.locations.items():
            message.Source.locations[name].locations.extend(
                _location_to_pb(location, numbers[location.info]) for location in locations
            )
        return message

    def to_bytes(self) -> bytes:
        """Return the wire form as bytes; equal definitions give equal bytes."""
        return self.to_pb().SerializeToString(deterministic=True)

    @classmethod
    def from_pb(cls, message: pb.Definition) -> Definition:
        """Read the wire form. Raises LLBError where a location points outside the files."""
        infos = tuple(map(_info_from_pb, message.Source.infos))
        return cls(
            ops=tuple(getattr(message, "def")),
            metadata={name: OpMetadata.from_pb(md) for name, md in message.metadata.items()},
            infos=infos,
            locations={
                name: tuple(_location_from_pb(location, infos) for location in entry.locations)
                for name, entry in message.Source.locations.items()
            },
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Definition:
        """Read the wire form from bytes. Raises LLBError for what is no definition."""
        message = pb.Definition()
        _decode(message, data, "definition")
        return cls.from_pb(message)


def parse_op(data: bytes) -> pb.Op:
    """Read one encoded op. Raises LLBError for what is no op."""
    op = pb.Op()
    _decode(op, data, "op")
    return op


def _decode(message: Message, data: bytes, what: str) -> None:
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise LLBError(f"{what} of {len(data)} bytes cannot be read: {error}") from error


def _info_to_pb(info: SourceInfo) -> pb.SourceInfo:
    message = pb.SourceInfo(filename=info.filename, data=info.data, language=info.language)
    if info.definition is not None:
        message.definition.CopyFrom(info.definition.to_pb())
    return message


def _info_from_pb(message: pb.SourceInfo) -> SourceInfo:
    has_definition = message.HasField("definition")
    return SourceInfo(
        filename=message.filename,
        data=message.data,
        language=message.language,
        definition=Definition.from_pb(message.definition) if has_definition else None,
    )


def _location_to_pb(location: Location, number: int) -> pb.Location:
    return pb.Location(sourceIndex=number, ranges=ranges_to_pb(location.ranges))


def _location_from_pb(message: pb.Location, infos: tuple[SourceInfo, ...]) -> Location:
    if not 0 <= message.sourceIndex < len(infos):
        raise LLBError(f"location is in file {message.sourceIndex} of {len(infos)}")
    ranges = (
        Range(
            Position(entry.start.line, entry.start.character),
            Position(entry.end.line, entry.end.character),
        )
        for entry in message.ranges
    )
    return Location(infos[message.sourceIndex], tuple(ranges))
