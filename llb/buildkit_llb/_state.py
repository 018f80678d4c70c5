"""State: an immutable tree and the environment that commands on it run in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from buildkit_llb._errors import LLBError, check_text, check_tree
from buildkit_llb._exec import (
    Device,
    Env,
    ExecOp,
    Network,
    ProxyEnv,
    Security,
    Ulimit,
    host_ip,
    root_mount,
    sort_mounts,
)
from buildkit_llb._file import FileAction, FileOp
from buildkit_llb._graph import Output
from buildkit_llb._image_config import read_config
from buildkit_llb._merge import DiffOp, MergeOp
from buildkit_llb._metadata import NO_METADATA, Metadata
from buildkit_llb._mount import Mount, SecretEnv
from buildkit_llb._paths import join
from buildkit_llb._platform import Platform, check_platform


@dataclass(frozen=True, slots=True)
class State:
    """A tree (``output`` None: empty) with environment; every method returns a new one.

    ``platform`` None takes that of the marshal.
    """

    output: Output | None = None
    env: Env = ()
    cwd: str = "/"
    user: str = ""
    platform: Platform | None = None

    def with_env(self, name: str, value: str) -> State:
        """Set a variable; one that is set already moves to the end, as in Go's EnvList."""
        check_text("environment variable", name)
        check_text(f"environment variable {name}", value, empty=True)
        if "=" in name:
            raise LLBError(f"environment variable has '=' in its name: {name!r}")
        kept = tuple(pair for pair in self.env if pair[0] != name)
        return replace(self, env=(*kept, (name, value)))

    def with_cwd(self, path: str) -> State:
        """Set the directory; a relative one is below that of this state."""
        check_text("cwd", path)
        return replace(self, cwd=path if path.startswith("/") else join(self.cwd, path))

    def with_user(self, name: str) -> State:
        """Set who runs commands: ``user[:group]``, names or ids; empty is root."""
        check_text("user", name, empty=True)
        return replace(self, user=name)

    def with_image_config(self, config: Mapping[str, object]) -> State:
        """Run commands as the image would: its environment, directory, user and platform.

        ``config`` is an OCI image config as parsed JSON. What it does not say stays as it is; a
        variable that it sets moves to the end. Raises LLBError for another shape.
        """
        said = read_config(config)
        state = self
        for name, value in said.env:
            state = state.with_env(name, value)
        if said.cwd:
            state = state.with_cwd(said.cwd)
        return replace(
            state, user=said.user or state.user, platform=said.platform or state.platform
        )

    def with_platform(self, platform: Platform | None) -> State:
        """Set what commands run on; None takes that of the marshal."""
        if platform is not None:
            check_platform(platform)
        return replace(self, platform=platform)

    def run(  # noqa: PLR0913 - keyword-only: one option per field of the wire message
        self,
        args: Sequence[str],
        *,
        mounts: Sequence[Mount] = (),
        readonly_root: bool = False,
        network: Network = Network.SANDBOX,
        security: Security = Security.SANDBOX,
        secret_env: Sequence[SecretEnv] = (),
        extra_hosts: Sequence[tuple[str, str]] = (),
        hostname: str = "",
        ulimits: Sequence[Ulimit] = (),
        cgroup_parent: str = "",
        devices: Sequence[Device] = (),
        proxy: ProxyEnv | None = None,
        valid_exit_codes: Sequence[int] = (),
        metadata: Metadata = NO_METADATA,
    ) -> Exec:
        """Run ``args`` (no shell) on this tree.

        ``extra_hosts`` are pairs of host and address. ``valid_exit_codes`` () means 0 only.
        Raises LLBError for what the daemon would refuse.
        """
        if isinstance(args, str):
            hint = "split it (shlex.split) or give it to a shell ('/bin/sh', '-c', ...)"
            raise LLBError(f"exec args are one text, not a list: {args!r}; {hint}")
        op = ExecOp(
            args=tuple(args),
            mounts=sort_mounts((root_mount(self.output, readonly=readonly_root), *mounts)),
            env=self.env,
            cwd=self.cwd,
            user=self.user,
            hostname=hostname,
            cgroup_parent=cgroup_parent,
            network=network,
            security=security,
            secret_env=tuple(secret_env),
            extra_hosts=tuple(host_ip(host, ip) for host, ip in extra_hosts),
            ulimits=tuple(ulimits),
            devices=tuple(devices),
            proxy=proxy,
            valid_exit_codes=tuple(valid_exit_codes),
            platform=self.platform,
            metadata=metadata,
        )
        return Exec(self, op)

    def file(self, *actions: FileAction, metadata: Metadata = NO_METADATA) -> State:
        """Apply ``actions`` to this tree, in one op."""
        op = FileOp(actions=actions, base=self.output, cwd=self.cwd, metadata=metadata)
        return replace(self, output=Output(op))


@dataclass(frozen=True, slots=True)
class Exec:
    """A command that was run on ``state``; its results are states."""

    state: State
    op: ExecOp

    @property
    def root(self) -> State:
        """The root as the command left it; keeps environment, directory, user, platform."""
        return replace(self.state, output=self.op.output("/"))

    def output(self, dest: str) -> State:
        """What the command left in the writable bind mount at ``dest``.

        Raises LLBError where no such mount is.
        """
        return State(self.op.output(dest), platform=self.state.platform)


def scratch() -> State:
    """Return the empty tree."""
    return State()


def merge(states: Iterable[State], *, metadata: Metadata = NO_METADATA) -> State:
    """Lay ``states`` over each other, later ones on top; the environment is the first one's.

    Empty trees are dropped: nothing left is ``scratch()``, one left is that state.
    """
    states = tuple(states)
    for state in states:
        check_tree("tree to merge", state)
    kept = [state for state in states if state.output is not None]
    if len(kept) < 2:
        return kept[0] if kept else scratch()
    outputs = tuple(state.output for state in kept if state.output is not None)
    return replace(kept[0], output=Output(MergeOp(outputs, metadata)))


def diff(lower: State, upper: State, *, metadata: Metadata = NO_METADATA) -> State:
    """Return what ``upper`` has over ``lower``, deletions included, as a tree of its own.

    The diff of equal trees is ``scratch()``, that of nothing and ``upper`` is ``upper``.
    """
    for state in (lower, upper):
        check_tree("tree to compare", state)
    if lower.output is None:
        return upper if upper.output is not None else scratch()
    if upper.output is not None and _same(lower.output, upper.output):
        return scratch()
    return State(Output(DiffOp(lower.output, upper.output, metadata)))


def _same(one: Output, other: Output) -> bool:
    return one is other or (one.op is other.op and one.index == other.index)
