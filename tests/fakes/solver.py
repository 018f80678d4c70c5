"""Runs LLB on trees in memory, as far as a frontend can tell the difference.

Takes real ``pb.Definition`` messages. Sources are given trees; file, merge and diff ops are done;
an exec op asks the ``Runner`` what it writes. Ops are done on demand, once per digest. Left out:
owners, cache keys, secrets and cache mounts (empty directories).
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import basename, dirname

from buildkit_llb.pb import ops_pb2 as pb
from cog_frontend.gateway.bridge import LISTING
from cog_frontend.gateway.pb import stat_pb2
from tests.fakes.tree import (
    DIR,
    Entry,
    Missing,
    Tree,
    clean,
    excluded,
    matches,
    names,
    symlink,
)

NOTHING = Tree()


@dataclass(frozen=True, slots=True)
class Run:
    """One exec op about to run; ``mounts`` are trees by absolute path, ``/`` included."""

    args: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    name: str
    mounts: Mapping[str, Tree]
    op: pb.ExecOp

    def read(self, path: str) -> bytes:
        """The file that the process would see at an absolute path."""
        dest = _mount_of(path, self.mounts)
        return self.mounts[dest][path[len(dest) :]].data


# Returns the files that the process writes, by absolute path, or raises RunFailed.
Runner = Callable[[Run], Mapping[str, bytes]]


@dataclass
class RunFailed(Exception):
    """The process of an exec op ended with another exit code than 0."""

    exit_code: int


@dataclass
class VertexFailed(Exception):
    """A vertex could not be done; ``digest`` names it."""

    digest: str
    message: str


class InvalidDefinition(Exception):
    """The daemon would refuse to load the definition."""


@dataclass
class Solver:
    """``ran`` lists the exec ops that ran, in order."""

    sources: Callable[[pb.SourceOp], Tree]
    runner: Runner
    caps: Collection[str]
    ran: list[Run] = field(default_factory=list)
    _done: dict[str, list[Tree]] = field(default_factory=dict)

    def solve(self, definition: pb.Definition) -> Tree:
        """The filesystem of a definition; raises VertexFailed or InvalidDefinition."""
        ops = {_digest(each): pb.Op.FromString(each) for each in getattr(definition, "def")}
        if len(ops) < 2:
            raise InvalidDefinition(f"invalid LLB with {len(ops)} vertexes")
        returned = ops.popitem()[1].inputs[0]
        self._check(ops, definition)
        for digest, op in ops.items():  # post-order: inputs come first
            if digest not in self._done:
                self._done[digest] = self._do(digest, op, definition)
        return self._done[returned.digest][returned.index]

    def _check(self, ops: Mapping[str, pb.Op], definition: pb.Definition) -> None:
        for digest, op in ops.items():
            unknown = set(definition.metadata[digest].caps) - set(self.caps)
            if unknown:
                raise InvalidDefinition(f"unknown API capability {min(unknown)}")
            for each in op.inputs:
                if each.digest not in ops:
                    raise InvalidDefinition(f"invalid missing input digest {each.digest}")

    def _do(self, digest: str, op: pb.Op, definition: pb.Definition) -> list[Tree]:
        inputs = [self._done[each.digest][each.index] for each in op.inputs]
        try:
            match op.WhichOneof("op"):
                case "source":
                    return [self.sources(op.source)]
                case "exec":
                    name = definition.metadata[digest].description["llb.customname"]
                    return self._exec(op.exec, inputs, name)
                case "file":
                    return _file(op.file, inputs)
                case "merge":
                    return [_merge([inputs[each.input] for each in op.merge.inputs])]
                case "diff":
                    return [_diff(op.diff, inputs)]
                case kind:
                    raise InvalidDefinition(f"the fake solver has no {kind} op")
        except (Missing, LookupError) as error:
            raise VertexFailed(digest, str(error)) from error
        except RunFailed as error:
            shown = f'process "{" ".join(op.exec.meta.args)}" did not complete successfully'
            raise VertexFailed(digest, f"{shown}: exit code: {error.exit_code}") from error

    def _exec(self, op: pb.ExecOp, inputs: Sequence[Tree], name: str) -> list[Tree]:
        mounts = {
            each.dest: (inputs[each.input] if each.input >= 0 else NOTHING).under(each.selector)
            for each in op.mounts
        }
        env = dict(each.split("=", 1) for each in op.meta.env)
        run = Run(tuple(op.meta.args), env, op.meta.cwd, name, mounts, op)
        self.ran.append(run)
        for path, data in self.runner(run).items():
            dest = _mount_of(path, mounts)
            mounts[dest] = mounts[dest].writing({path[len(dest) :]: Entry(data=data)})
        outputs = sorted(
            (each.output, each.dest)
            for each in op.mounts
            if each.output >= 0 and each.mountType == pb.BIND
        )
        return [mounts[dest] for _, dest in outputs]


def local_files(tree: Tree, attrs: Mapping[str, str]) -> Tree:
    """What a local source sends: include, exclude and follow patterns, as ``tree.matches`` reads
    them. A followed path that is a link brings what it points to."""
    paths: Collection[str] = tree.entries
    include = _list(attrs, "local.includepattern")
    exclude = _list(attrs, "local.excludepatterns")
    follow = [
        each for path in _list(attrs, "local.followpaths") for each in _link_chain(tree, path)
    ]
    if include or follow:
        wanted = [*include, *follow]
        paths = [path for path in paths if any(matches(each, path) for each in wanted)]
    sent = tree.keeping(path for path in paths if not excluded(exclude, path))
    if attrs.get("local.metadatatransfer") == "true":
        return Tree.of({LISTING: _listing(sent)})
    return sent


def _listing(tree: Tree) -> bytes:
    """What fsutil's receiver writes down of files whose content is not sent."""
    stats = (
        stat_pb2.Stat(path=path, mode=each.mode, size=len(each.data), linkname=each.linkname)
        for path, each in sorted(tree.entries.items())
    )
    messages = [each.SerializeToString() for each in stats]
    return b"".join(len(each).to_bytes(4, "little") + each for each in messages)


def _link_chain(tree: Tree, path: str) -> list[str]:
    try:
        return [path, tree.resolve(path)]
    except Missing:
        return [path]


def _list(attrs: Mapping[str, str], key: str) -> list[str]:
    return [str(each) for each in json.loads(attrs.get(key) or "[]")]


def _merge(trees: Sequence[Tree]) -> Tree:
    entries: dict[str, Entry] = {}
    for tree in trees:
        entries |= tree.entries
    return Tree(entries)


def _diff(op: pb.DiffOp, inputs: Sequence[Tree]) -> Tree:
    lower = inputs[op.lower.input] if op.lower.input >= 0 else NOTHING
    upper = inputs[op.upper.input] if op.upper.input >= 0 else NOTHING
    changed = {at for at, each in upper.entries.items() if lower.entries.get(at) != each}
    return upper.keeping(changed)


def _file(op: pb.FileOp, inputs: Sequence[Tree]) -> list[Tree]:
    made: list[Tree] = []
    outputs: dict[int, Tree] = {}
    for action in op.actions:

        def tree(index: int) -> Tree:
            known = [*inputs, *made]
            return known[index] if index >= 0 else NOTHING

        base = tree(action.input)
        if action.WhichOneof("action") == "copy":
            made.append(_copy(action.copy, base, tree(action.secondaryInput)))
        else:
            made.append(_write(action, base))
        if action.output >= 0:
            outputs[action.output] = made[-1]
    return [outputs[index] for index in sorted(outputs)]


def _write(action: pb.FileAction, base: Tree) -> Tree:
    kind = action.WhichOneof("action")
    if kind == "mkfile":
        _need_parent(base, action.mkfile.path)
        entry = Entry(action.mkfile.mode, action.mkfile.data, mtime_ns=action.mkfile.timestamp)
        return base.writing({action.mkfile.path: entry})
    if kind == "mkdir":
        if not action.mkdir.makeParents:
            _need_parent(base, action.mkdir.path)
        made = Entry(DIR.mode & ~0o777 | action.mkdir.mode, mtime_ns=action.mkdir.timestamp)
        return base if action.mkdir.path in base else base.writing({action.mkdir.path: made})
    if kind == "symlink":
        return base.writing({action.symlink.newpath: symlink(action.symlink.oldpath)})
    return _remove(action.rm, base)


def _remove(action: pb.FileActionRm, base: Tree) -> Tree:
    target = clean(action.path)
    found = [path for path in base.entries if path == target]
    if action.allowWildcard:
        found = [path for path in base.entries if names(target, path)]
    if not found and not action.allowNotFound:
        raise Missing(f"lstat /{target}: no such file or directory")
    for path in found:
        base = base.without(path)
    return base


def _copy(action: pb.FileActionCopy, base: Tree, source: Tree) -> Tree:
    if not action.createDestPath:
        _need_parent(base, action.dest)
    wanted = clean(action.src)
    found = [wanted]
    if action.allowWildcard and any(mark in wanted for mark in "*?"):
        found = [path for path in source.entries if names(wanted, path)]
        if not found and not action.allowEmptyWildcard:
            raise Missing(f"{action.src} not found")
    into = base.writing({action.dest: DIR}) if action.dest.endswith("/") else base
    for path in found:
        into = into.writing(_copied(action, path, source, into))
    return into


def _copied(action: pb.FileActionCopy, path: str, source: Tree, into: Tree) -> dict[str, Entry]:
    """The entries that one copied path adds, by where they go (fsutil/copy of BuildKit)."""
    if path not in source:
        raise Missing(f"/{path}: not found")
    entry = source[path] if action.followSymlink or not path else source.entries[path]
    existing = action.dest in into and into[action.dest].is_dir
    inside = existing and not (entry.is_dir and action.dirCopyContents)
    dest = clean(f"{action.dest}/{basename(path)}") if inside and path else clean(action.dest)
    if action.attemptUnpackDockerCompatibility and not entry.is_dir:
        return _unpacked(entry.data, action.dest)
    if not entry.is_dir:
        return {dest: _with_mode(action, entry)}
    below = source.under(path).entries
    include, exclude = action.include_patterns, action.exclude_patterns
    kept = {
        at: each
        for at, each in below.items()
        if (not include or any(matches(pattern, at) for pattern in include))
        and not excluded(exclude, at)
    }
    copied = {clean(f"{dest}/{at}"): _with_mode(action, each) for at, each in kept.items()}
    return {dest: _with_mode(action, entry), **copied}


def _unpacked(archive: bytes, into: str) -> dict[str, Entry]:
    """The files of a tar, compressed or not."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        read = {each.name: opened.extractfile(each) for each in opened if each.isfile()}
        return {
            clean(f"{into}/{name}"): Entry(data=file.read()) for name, file in read.items() if file
        }


def _with_mode(action: pb.FileActionCopy, entry: Entry) -> Entry:
    mode = entry.mode if action.mode < 0 else entry.mode & ~0o7777 | action.mode
    mtime = entry.mtime_ns if action.timestamp < 0 else action.timestamp
    return Entry(mode, entry.data, entry.linkname, mtime)


def _need_parent(base: Tree, path: str) -> None:
    parent = dirname(clean(path))
    if parent not in base:
        raise Missing(f"lstat /{parent}: no such file or directory")


def _mount_of(path: str, mounts: Collection[str]) -> str:
    """The mount that holds an absolute path: the longest one above it."""
    above = [dest for dest in mounts if path == dest or path.startswith(dest.rstrip("/") + "/")]
    return max(above, key=len)


def _digest(encoded: bytes) -> str:
    return "sha256:" + hashlib.sha256(encoded).hexdigest()
