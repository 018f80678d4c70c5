"""What holds for every definition, checked without the library on its bytes and messages.

Rules: the loader and the ops of BuildKit (solver/llbsolver, solver/pb), and the byte order of Go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given, settings

from buildkit_llb import Definition, digest, marshal, validate
from buildkit_llb._definition import parse_op
from buildkit_llb.pb import ops_pb2 as pb
from tests.llb.go_samples import SAMPLES
from tests.llb.samples import AMD64, STATES
from tests.llb.test_properties import STEPS, Step, build

ALL = {
    **{name: marshal(make(), platform=AMD64) for name, make in STATES.items()},
    **{f"go {name}": sample.definition() for name, sample in SAMPLES.items()},
}

# What daemons register (solver/pb/caps.go); one that is not here fails the build by its name.
REGISTERED = {
    "source.image",
    "source.image.resolvemode",
    "source.image.layerlimit",
    "source.image.checksum",
    "source.imageblob",
    "source.local",
    "source.local.unique",
    "source.local.sessionid",
    "source.local.includepatterns",
    "source.local.followpaths",
    "source.local.excludepatterns",
    "source.local.sharedkeyhint",
    "source.local.differ",
    "source.local.metadatatransfer",
    "source.git",
    "source.git.keepgitdir",
    "source.git.fullurl",
    "source.git.httpauth",
    "source.git.knownsshhosts",
    "source.git.mountsshsock",
    "source.git.subdir",
    "source.git.checksum",
    "source.git.skipsubmodules",
    "source.git.mtime",
    "source.git.fetchbycommit",
    "source.http",
    "source.http.auth",
    "source.http.checksum",
    "source.http.perm",
    "soruce.http.uidgid",
    "source.http.header",
    "source.ocilayout",
    "exec.meta.base",
    "exec.meta.cgroup.parent",
    "exec.meta.network",
    "exec.meta.proxyenv",
    "exec.meta.security",
    "exec.meta.setsdefaultpath",
    "exec.meta.ulimit",
    "exec.meta.cdi",
    "exec.meta.linux.resources",
    "exec.mount.bind",
    "exec.mount.cache",
    "exec.mount.cache.sharing",
    "exec.mount.cache.content",
    "exec.mount.selector",
    "exec.mount.tmpfs",
    "exec.mount.tmpfs.size",
    "exec.mount.secret",
    "exec.mount.ssh",
    "exec.secretenv",
    "exec.validexitcode",
    "file.base",
    "file.rm.wildcard",
    "file.copy.includeexcludepatterns",
    "file.copy.requiredpaths",
    "file.copy.alwaysreplaceexistingdestpaths",
    "file.symlink.create",
    "mergeop",
    "diffop",
    "constraints",
    "platform",
    "meta.ignorecache",
    "meta.description",
    "meta.exportcache",
}

EXEC_CAPS: dict[str, Callable[[pb.ExecOp], object]] = {
    "exec.meta.base": lambda _: True,
    "exec.meta.cgroup.parent": lambda op: op.meta.cgroupParent,
    "exec.meta.network": lambda op: op.network != pb.UNSET,
    "exec.meta.proxyenv": lambda op: op.meta.HasField("proxy_env"),
    "exec.meta.security": lambda op: op.security != pb.SANDBOX,
    "exec.meta.ulimit": lambda op: op.meta.ulimit,
    "exec.meta.cdi": lambda op: op.cdiDevices,
    "exec.validexitcode": lambda op: op.meta.validExitCodes,
    "exec.secretenv": lambda op: op.secretenv,
    "exec.mount.bind": lambda op: any(
        mount.input >= 0 and mount.mountType == pb.BIND for mount in op.mounts
    ),
    "exec.mount.selector": lambda op: any(mount.selector for mount in op.mounts),
    "exec.mount.cache.content": lambda op: any(mount.contentCache for mount in op.mounts),
    "exec.mount.tmpfs.size": lambda op: any(mount.TmpfsOpt.size for mount in op.mounts),
    "exec.mount.cache": lambda op: has(op, pb.CACHE),
    "exec.mount.cache.sharing": lambda op: has(op, pb.CACHE),
    "exec.mount.tmpfs": lambda op: has(op, pb.TMPFS),
    "exec.mount.ssh": lambda op: has(op, pb.SSH),
    "exec.mount.secret": lambda op: has(op, pb.SECRET) or op.secretenv,
}
ACTION_CAPS: dict[str, Callable[[pb.FileAction], object]] = {
    "file.base": lambda _: True,
    "file.rm.wildcard": lambda one: one.rm.allowWildcard,
    "file.symlink.create": lambda one: one.HasField("symlink"),
    "file.copy.includeexcludepatterns": lambda one: (
        one.copy.include_patterns or one.copy.exclude_patterns
    ),
    "file.copy.requiredpaths": lambda one: one.copy.required_paths,
    "file.copy.alwaysreplaceexistingdestpaths": (
        lambda one: one.copy.alwaysReplaceExistingDestPaths
    ),
}
SOURCE_CAPS = {
    "docker-image": "source.image",
    "oci-layout": "source.ocilayout",
    "local": "source.local",
    "git": "source.git",
    "http": "source.http",
    "https": "source.http",
}
# An attribute asks for the cap of its own name, but for these.
ATTR_CAPS = {
    "image.resolvemode": "",  # only "pull" does
    "image.recordtype": "",
    "oci.session": "",
    "oci.store": "",
    "oci.layerlimit": "",
    "local.session": "source.local.sessionid",
    "local.includepattern": "source.local.includepatterns",
    "local.differ": "",  # only where it is required
    "local.metadatatransferexclude": "",
    "http.filename": "",
    "http.uid": "soruce.http.uidgid",
    "http.gid": "soruce.http.uidgid",
    "http.authheadersecret": "source.http.auth",
    "http.header.accept": "source.http.header",
    "http.header.user-agent": "source.http.header",
    "git.authheadersecret": "",  # only a name of the caller's does
    "git.authtokensecret": "",
}


def has(op: pb.ExecOp, kind: int) -> bool:
    return any(mount.mountType == kind for mount in op.mounts)


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of an encoded message in the order of its bytes; only of those with a length."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        assert tag & 7 == 2
        size, at = varint(data, at)
        yield tag >> 3, data[at : at + size]
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def check_bytes(data: bytes) -> None:
    """Fields by number, the member of the oneof last, map entries by key."""
    numbers = [number for number, _ in fields(data)]
    heads, kind = numbers[:-1], numbers[-1]
    assert heads == sorted(heads)
    assert set(heads) <= {1, 10, 11}
    assert 2 <= kind <= 8
    assert b"\x5a\x00" in data  # the empty constraints
    if kind == 3:
        entries = [part for number, part in fields(list(fields(data))[-1][1]) if number == 2]
        keys = [next(part for number, part in fields(entry) if number == 1) for entry in entries]
        assert keys == sorted(set(keys))


def check_source(op: pb.Op, caps: frozenset[str]) -> None:
    scheme = op.source.identifier.partition("://")[0]
    assert op.HasField("platform") == (scheme in {"docker-image", "oci-layout"})
    assert not op.inputs
    assert SOURCE_CAPS[scheme] in caps
    for key, value in op.source.attrs.items():
        assert value
        assert ATTR_CAPS.get(key, f"source.{key}") in {*caps, ""}
    assert (op.source.attrs.get("image.resolvemode") == "pull") == (
        "source.image.resolvemode" in caps
    )


def check_exec(op: pb.Op, caps: frozenset[str]) -> None:
    made = op.exec
    assert op.HasField("platform")
    assert made.meta.args
    assert made.meta.cwd.startswith("/")
    assert made.meta.removeMountStubsRecursive
    trees = [one for one in made.mounts if one.mountType not in {pb.SECRET, pb.SSH}]
    assert trees[0].dest == "/"
    assert [one.dest for one in trees] == sorted(
        (one.dest for one in trees), key=lambda dest: dest.encode()
    )
    rest = [one.mountType for one in made.mounts[len(trees) :]]
    assert rest == sorted(rest, key=[pb.SECRET, pb.SSH].index)
    check_mounts(made.mounts, len(op.inputs))
    assert {cap for cap, uses in EXEC_CAPS.items() if uses(made)} == caps - {
        "exec.meta.setsdefaultpath",
        "exec.meta.linux.resources",
    }


def check_mounts(mounts: Iterable[pb.Mount], inputs: int) -> None:
    outputs, used = [], []
    for mount in mounts:
        if mount.mountType in {pb.SECRET, pb.SSH}:
            assert (mount.input, mount.output) == (-1, 0)
            continue
        if mount.mountType == pb.TMPFS:
            assert mount.input == -1
        if mount.readonly or mount.mountType in {pb.CACHE, pb.TMPFS}:
            assert mount.output == -1
        if mount.output >= 0:
            outputs.append(mount.output)
        if mount.input >= 0:
            used.append(mount.input)
    assert outputs == list(range(len(outputs)))
    assert list(dict.fromkeys(used)) == list(range(inputs))  # each one, in order of first use


def check_file(op: pb.Op, caps: frozenset[str]) -> None:
    assert not op.HasField("platform")
    actions, count = op.file.actions, len(op.inputs)
    assert [one.output for one in actions] == [-1] * (len(actions) - 1) + [0]
    assert actions[0].input in {-1, 0}
    assert [one.input for one in actions[1:]] == list(range(count, count + len(actions) - 1))
    for one in actions:
        assert -1 <= one.secondaryInput < count
        assert one.HasField("copy") or one.secondaryInput == -1
        for made in (one.mkfile, one.mkdir):
            assert 0 <= made.mode <= 0o777
        assert not one.copy.modeStr
        for owner in (one.copy.owner, one.mkfile.owner, one.mkdir.owner, one.symlink.owner):
            for who in (owner.user, owner.group):
                assert who.WhichOneof("user") != "byName" or who.byName.input == actions[0].input
    assert {cap for cap, uses in ACTION_CAPS.items() if any(map(uses, actions))} == caps


def check_merge(op: pb.Op, caps: frozenset[str]) -> None:
    assert not op.HasField("platform")
    assert [entry.input for entry in op.merge.inputs] == list(range(len(op.inputs)))
    assert len(op.inputs) >= 2
    assert caps == {"mergeop"}


def check_diff(op: pb.Op, caps: frozenset[str]) -> None:
    assert not op.HasField("platform")
    assert op.diff.lower.input == 0
    assert op.diff.upper.input == (1 if len(op.inputs) == 2 else -1)
    assert caps == {"diffop"}


CHECKS: dict[str, Callable[[pb.Op, frozenset[str]], None]] = {
    "source": check_source,
    "exec": check_exec,
    "file": check_file,
    "merge": check_merge,
    "diff": check_diff,
}


def check(definition: Definition) -> None:
    validate(definition, caps=definition.caps)
    assert definition.caps <= REGISTERED
    known: set[str] = set()
    for data, name in zip(definition.ops[:-1], definition.digests, strict=False):
        assert name == digest(data)
        op = parse_op(data)
        check_bytes(data)
        assert {used.digest for used in op.inputs} <= known
        known.add(name)
        CHECKS[op.WhichOneof("op") or ""](op, definition.metadata[name].caps)
    check_end(definition)


def check_end(definition: Definition) -> None:
    """The return op: one input and nothing else, and the caps of what the others' metadata uses."""
    last = parse_op(definition.ops[-1])
    assert len(last.inputs) == 1
    assert last == pb.Op(inputs=last.inputs)
    entries = [definition.metadata[name] for name in definition.digests[:-1]]
    needed = {"constraints", "platform"}
    needed |= {"meta.ignorecache" for entry in entries if entry.ignore_cache}
    needed |= {"meta.description" for entry in entries if entry.description}
    needed |= {"meta.exportcache" for entry in entries if entry.export_cache is not None}
    assert definition.metadata[definition.digests[-1]].caps == needed


@pytest.mark.parametrize("name", ALL)
def test_rules_hold_for_samples(name: str) -> None:
    check(ALL[name])


@settings(deadline=None)
@given(STEPS)
def test_rules_hold_for_any_graph(steps: list[Step]) -> None:
    definition = marshal(build(steps), platform=AMD64)
    if definition.ops:
        check(definition)
