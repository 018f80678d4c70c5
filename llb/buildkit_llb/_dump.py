"""A definition as text, to read and to compare.

Inputs go by number: a digest would change with everything above it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from buildkit_llb._definition import Definition, Location, OpMetadata, digest, parse_op
from buildkit_llb._graph import NO_INDEX
from buildkit_llb._metadata import NAME_KEY
from buildkit_llb.pb import ops_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

TEXT_MAX = 2000  # longer file content is shown by its size and digest


def dump(definition: Definition) -> str:
    """Return one paragraph per op, inputs first, and at the end what is returned and needed.

    Equal definitions give equal text. Raises LLBError for bytes that are no op.
    """
    if not definition.ops:
        return "return scratch\n"
    numbers = {name: number for number, name in enumerate(definition.digests, 1)}
    *ops, last = map(parse_op, definition.ops)
    lines: list[str] = []
    for name, op in zip(definition.digests, ops, strict=False):
        inputs = [_output(numbers, used) for used in op.inputs]
        kind = op.WhichOneof("op") or "unknown"
        lines.append(f"{numbers[name]} {kind}")
        lines += _indented(_platform(op))
        lines += _indented(_KINDS.get(kind, _other)(op, inputs))
        lines += _indented(_said(definition.metadata.get(name, OpMetadata())))
        lines += _indented(map(_location, definition.locations.get(name, ())))
    lines.append("return " + ", ".join(_output(numbers, used) for used in last.inputs))
    lines += [f"needs {_plain(cap)}" for cap in sorted(definition.caps)]
    return "\n".join(lines) + "\n"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def _output(numbers: dict[str, int], used: pb.Input) -> str:
    number = numbers.get(used.digest, f"missing {_word(used.digest)}")
    return f"{number}[{used.index}]" if used.index else str(number)


def _input(inputs: list[str], number: int) -> str:
    if number == NO_INDEX:
        return "scratch"
    if 0 <= number < len(inputs):
        return inputs[number]
    return f"action {number - len(inputs)}" if number >= 0 else f"input {number}"


def _platform(op: pb.Op) -> Iterator[str]:
    if op.HasField("platform"):
        one = op.platform
        parts = (one.OS, one.Architecture, one.Variant, one.OSVersion, *one.OSFeatures)
        yield "platform " + "/".join(_word(part) for part in parts if part)


def _source(op: pb.Op, inputs: list[str]) -> Iterator[str]:
    yield _plain(op.source.identifier)
    for key, value in sorted(op.source.attrs.items()):
        yield f"{_word(key)} {_plain(value)}"


def _exec(op: pb.Op, inputs: list[str]) -> Iterator[str]:
    meta = op.exec.meta
    yield "args " + " ".join(map(_word, meta.args))
    yield from (f"env {_plain(entry)}" for entry in meta.env)
    for field, value in meta.ListFields():
        if field.name in {"cwd", "user", "hostname", "cgroupParent"}:
            yield f"{field.name} {_word(value)}"
    yield from (f"host {_word(entry.Host)} {_word(entry.IP)}" for entry in meta.extraHosts)
    yield from (f"ulimit {_word(entry.Name)}={entry.Soft}:{entry.Hard}" for entry in meta.ulimit)
    yield from (f"{field.name} {_word(value)}" for field, value in meta.proxy_env.ListFields())
    if meta.validExitCodes:
        yield "exit codes " + " ".join(map(str, meta.validExitCodes))
    if op.exec.network:
        yield f"network {_name(pb.NetMode, op.exec.network)}"
    if op.exec.security:
        yield f"security {_name(pb.SecurityMode, op.exec.security)}"
    yield from (" ".join(_mount(mount, inputs)) for mount in op.exec.mounts)
    for entry in op.exec.secretenv:
        optional = " optional" if entry.optional else ""
        yield f"secret env {_word(entry.name)} id={_word(entry.ID)}{optional}"
    yield from (f"device {_word(device.name)}" for device in op.exec.cdiDevices)


def _mount(mount: pb.Mount, inputs: list[str]) -> Iterator[str]:
    kind = mount.mountType
    yield f"mount {_name(pb.MountType, kind)} {_word(mount.dest)}"
    if kind == pb.BIND or mount.input != NO_INDEX:
        yield f"from {_input(inputs, mount.input)}"
    if mount.selector:
        yield f"selector={_word(mount.selector)}"
    if kind == pb.BIND:
        writable = "writable" if mount.output == NO_INDEX else f"output={mount.output}"
        yield "readonly" if mount.readonly else writable
    elif kind == pb.CACHE:
        yield f"id={_word(mount.cacheOpt.ID)}"
        yield _name(pb.CacheSharingOpt, mount.cacheOpt.sharing)
    elif kind == pb.TMPFS and mount.TmpfsOpt.size:
        yield f"size={mount.TmpfsOpt.size}"
    elif kind in {pb.SECRET, pb.SSH}:
        yield from _access(mount.secretOpt if kind == pb.SECRET else mount.SSHOpt)
    if mount.contentCache:
        yield f"content={_name(pb.MountContentCache, mount.contentCache)}"


def _access(option: pb.SecretOpt | pb.SSHOpt) -> Iterator[str]:
    yield f"id={_word(option.ID)}"
    yield f"mode={option.mode:04o}"
    if option.uid or option.gid:
        yield f"owner={option.uid}:{option.gid}"
    if option.optional:
        yield "optional"


def _file(op: pb.Op, inputs: list[str]) -> Iterator[str]:
    for number, action in enumerate(op.file.actions):
        kind = action.WhichOneof("action") or "unknown"
        words = [kind]
        if not number or action.input != len(inputs) + number - 1:  # else: the one before it
            words.append(f"on {_input(inputs, action.input)}")
        if kind == "copy":
            words.append(f"from {_input(inputs, action.secondaryInput)}")
        for field, value in _fields(action, kind):
            words.append(_field(field, value))
        yield " ".join(filter(None, words))
        if kind == "mkfile":
            yield from _indented(_content(action.mkfile.data))


def _fields(action: pb.FileAction, kind: str) -> Iterator[tuple[str, object]]:
    message = getattr(action, kind, None)
    if not isinstance(message, Message):
        return
    given = {field.name for field, _ in message.ListFields()}
    for field in message.DESCRIPTOR.fields:
        # 0 is not sent, but as a mode it takes all rights and as a time it is 1970.
        if field.name in given | {"mode", "timestamp"}:
            yield field.name, getattr(message, field.name)


def _field(name: str, value: object) -> str:
    """One field of a file action; -1 in a mode is "keep", in a time "now": not shown."""
    match value:
        case True:
            return name
        case bytes() | -1:
            return ""
        case int() if name == "mode":
            return f"mode={value:04o}"
        case str():
            return f"{name}={_word(value)}"
        case pb.ChownOpt():
            return f"{name}={_who(value.user)}:{_who(value.group)}"
        case _:
            return f"{name}={value}"


def _who(option: pb.UserOpt) -> str:
    if option.WhichOneof("user") == "byName":
        return _word(option.byName.name)
    return str(option.byID) if option.HasField("byID") else ""


def _content(data: bytes) -> Iterator[str]:
    text = data.decode(errors="replace")
    if len(data) > TEXT_MAX or text.encode() != data:
        yield f"{len(data)} bytes, {digest(data)}"
        return
    *lines, rest = text.split("\n")
    yield from (f"| {_plain(line)}" for line in lines)
    if rest:
        yield f"| {_plain(rest)} (no newline)"


def _merge(op: pb.Op, inputs: list[str]) -> Iterator[str]:
    yield "inputs " + " ".join(_input(inputs, entry.input) for entry in op.merge.inputs)


def _diff(op: pb.Op, inputs: list[str]) -> Iterator[str]:
    yield f"lower {_input(inputs, op.diff.lower.input)}"
    yield f"upper {_input(inputs, op.diff.upper.input)}"


def _other(op: pb.Op, inputs: list[str]) -> Iterator[str]:
    """An op that this library does not make: its bytes are named, not shown."""
    yield "inputs " + " ".join(inputs)
    data = op.SerializeToString(deterministic=True)
    yield f"{len(data)} bytes, {digest(data)}"


_KINDS: dict[str, Callable[[pb.Op, list[str]], Iterator[str]]] = {
    "source": _source,
    "exec": _exec,
    "file": _file,
    "merge": _merge,
    "diff": _diff,
}


def _said(entry: OpMetadata) -> Iterator[str]:
    for key, value in entry.description:
        yield f"{'name' if key == NAME_KEY else _word(key)}: {_plain(value)}"
    if entry.ignore_cache:
        yield "ignore cache"
    if entry.export_cache is not None:
        yield f"export cache: {'yes' if entry.export_cache else 'no'}"
    if entry.progress_group is not None:
        group = entry.progress_group
        weak = " (weak)" if group.weak else ""
        yield f"progress group: {_word(group.id)} {_plain(group.name)}{weak}"
    if entry.linux_resources is not None:
        limits = entry.linux_resources._asdict().items()
        yield "limits: " + " ".join(f"{key}={value}" for key, value in limits if value)


def _location(location: Location) -> str:
    ranges = ", ".join(
        f"{start.line}:{start.character}-{end.line}:{end.character}"
        for start, end in location.ranges
    )
    return f"at {_word(location.info.filename)} {ranges}".rstrip()


def _name(enum: EnumTypeWrapper, value: int) -> str:
    """Return a constant's name; daemons may know more of them than this library."""
    return enum.Name(value).lower() if value in enum.values() else str(value)


def _plain(text: str) -> str:
    return text if text.isprintable() else repr(text)


def _word(text: str) -> str:
    quiet = text.isprintable() and not set(text) & set(" '\"")
    return text if text and quiet else repr(text)
