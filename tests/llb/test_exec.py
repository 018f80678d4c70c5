from __future__ import annotations

from collections.abc import Callable

import pytest

from buildkit_llb import (
    ContentCache,
    LinuxResources,
    LLBError,
    Metadata,
    Mount,
    Network,
    Platform,
    ProxyEnv,
    SecretEnv,
    Security,
    Sharing,
    State,
    Ulimit,
    bind,
    cache,
    image,
    marshal,
    mkdir,
    scratch,
    secret,
    ssh,
    tmpfs,
)
from buildkit_llb._definition import parse_op
from buildkit_llb.pb import ops_pb2 as pb
from tests.llb.samples import AMD64

BASE = {"exec.meta.base", "exec.mount.bind"}


def encoded(state: State) -> tuple[pb.Op, frozenset[str]]:
    """The op that ``state`` is an output of, and its caps."""
    definition = marshal(state, platform=AMD64)
    assert definition.head is not None
    number = definition.digests.index(definition.head)
    return parse_op(definition.ops[number]), definition.metadata[definition.head].caps


def exec_of(state: State) -> pb.ExecOp:
    return encoded(state)[0].exec


def test_root_keeps_the_environment_and_outputs_start_without_one() -> None:
    arm = Platform(os="linux", architecture="arm64")
    base = image("a", platform=arm).with_env("A", "1").with_cwd("/src").with_user("me")
    run = base.run(["make"], mounts=[bind("/out", scratch(), readonly=False)])
    assert (run.root.env, run.root.cwd, run.root.user) == ((("A", "1"),), "/src", "me")
    out = run.output("/out")
    assert (out.env, out.cwd, out.user, out.platform) == ((), "/", "", arm)


def test_a_variable_set_again_moves_to_the_end() -> None:
    state = scratch().with_env("B", "2").with_env("A", "1").with_env("B", "3")
    assert state.env == (("A", "1"), ("B", "3"))


def test_a_relative_cwd_is_below_the_one_before() -> None:
    state = scratch().with_cwd("/a/b")
    assert state.with_cwd("../c").cwd == "/a/c"
    assert state.with_cwd("/d").cwd == "/d"


def test_states_are_values() -> None:
    base = image("a")
    assert base.with_env("A", "1") == base.with_env("A", "1")
    assert image("a") != image("a")  # two nodes: they meet only when they are marshalled
    assert base.env == ()


def test_outputs_are_numbered_in_order_of_their_place() -> None:
    run = image("a").run(
        ["make"],
        mounts=[
            bind("/z", scratch(), readonly=False),
            bind("/b", scratch(), readonly=False),
            bind("/quiet", image("b"), readonly=False, output=False),
            bind("/ro", image("c")),
            cache("/c", id="c"),
            tmpfs("/t"),
        ],
    )
    outputs = {mount.dest: mount.output for mount in exec_of(run.root).mounts}
    assert outputs == {"/": 0, "/b": 1, "/c": -1, "/quiet": -1, "/ro": -1, "/t": -1, "/z": 2}
    used = [run.output(dest).output for dest in ("/", "/b/", "/z")]
    assert [output.index for output in used if output] == [0, 1, 2]


@pytest.mark.parametrize("dest", ["/ro", "/c", "/t", "/nothing", "/s"])
def test_only_writable_binds_are_outputs(dest: str) -> None:
    mounts = [bind("/ro", image("b")), cache("/c", id="c"), tmpfs("/t"), secret("/s", id="s")]
    with pytest.raises(LLBError, match="no output"):
        image("a").run(["make"], mounts=mounts).output(dest)


def test_a_readonly_root_is_no_output() -> None:
    run = image("a").run(
        ["make"], readonly_root=True, mounts=[bind("/out", scratch(), readonly=False)]
    )
    with pytest.raises(LLBError, match="no output"):
        _ = run.root
    root, out = exec_of(run.output("/out")).mounts
    assert (root.readonly, root.output, out.output) == (True, -1, 0)


def test_an_input_that_is_mounted_twice_is_one_input() -> None:
    files = image("files")
    op, _ = encoded(
        image("a")
        .run(
            ["make"],
            mounts=[
                bind("/one", files, selector="/1"),
                bind("/two", image("files"), selector="/2"),
            ],
        )
        .root
    )
    assert len(op.inputs) == 2
    assert [mount.input for mount in op.exec.mounts] == [0, 1, 1]


def test_an_exec_may_start_from_nothing() -> None:
    op, caps = encoded(scratch().run(["/tool"], mounts=[bind("/tool", image("a"))]).root)
    assert [mount.input for mount in op.exec.mounts] == [-1, 0]
    assert caps == BASE


def test_ssh_sockets_have_places_of_their_own_and_the_first_is_in_the_environment() -> None:
    run = image("a").run(["git"], mounts=[ssh(id="x"), ssh(dest="/agent"), ssh(id="y", uid=7)])
    op, caps = encoded(run.root)
    places = [mount.dest for mount in op.exec.mounts]
    assert places == ["/", "/run/buildkit/ssh_agent.0", "/agent", "/run/buildkit/ssh_agent.2"]
    assert list(op.exec.meta.env) == ["SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0"]
    assert run.root.env == ()
    assert caps == {*BASE, "exec.mount.ssh"}
    assert (op.exec.mounts[3].SSHOpt.ID, op.exec.mounts[3].SSHOpt.uid) == ("y", 7)


def test_an_ssh_socket_of_the_callers_own_stays() -> None:
    state = image("a").with_env("SSH_AUTH_SOCK", "/mine").run(["git"], mounts=[ssh()]).root
    assert list(exec_of(state).meta.env) == ["SSH_AUTH_SOCK=/mine"]


def test_a_cache_may_start_as_a_tree() -> None:
    seed = scratch().file(mkdir("/cache"))
    mount = cache("/c", id="id", sharing=Sharing.PRIVATE, state=seed, selector="/cache")
    op, caps = encoded(image("a").run(["x"], mounts=[mount]).root)
    made = op.exec.mounts[1]
    assert (made.input, made.output, made.selector) == (1, -1, "/cache")
    assert (made.cacheOpt.ID, made.cacheOpt.sharing) == ("id", pb.PRIVATE)
    assert caps == {
        *BASE,
        "exec.mount.cache",
        "exec.mount.cache.sharing",
        "exec.mount.selector",
    }


def test_a_tmpfs_without_a_limit_still_says_that_it_is_one() -> None:
    op, caps = encoded(image("a").run(["x"], mounts=[tmpfs("/t")]).root)
    assert op.exec.mounts[1].HasField("TmpfsOpt")
    assert caps == {*BASE, "exec.mount.tmpfs"}


def test_options_are_in_the_op_and_each_asks_for_its_cap() -> None:
    op, caps = encoded(
        image("a")
        .run(
            ["x"],
            network=Network.HOST,
            security=Security.INSECURE,
            extra_hosts=[("db", "10.0.0.1")],
            hostname="box",
            ulimits=[Ulimit("nofile", 1024, 4096)],
            cgroup_parent="/build",
            proxy=ProxyEnv(http="http://p", https="https://p", ftp="f", no="n", all="a"),
            valid_exit_codes=[0, 3],
            metadata=Metadata(linux_resources=LinuxResources(memory=1 << 30)),
            secret_env=[SecretEnv("TOKEN", "token", optional=True)],
            mounts=[bind("/d", image("b"), content_cache=ContentCache.OFF)],
        )
        .root
    )
    made, meta = op.exec, op.exec.meta
    assert (made.network, made.security) == (pb.HOST, pb.INSECURE)
    assert [(entry.Host, entry.IP) for entry in meta.extraHosts] == [("db", "10.0.0.1")]
    assert (meta.hostname, meta.cgroupParent) == ("box", "/build")
    assert [(entry.Name, entry.Soft, entry.Hard) for entry in meta.ulimit] == [
        ("nofile", 1024, 4096)
    ]
    assert meta.proxy_env == pb.ProxyEnv(
        http_proxy="http://p", https_proxy="https://p", ftp_proxy="f", no_proxy="n", all_proxy="a"
    )
    assert list(meta.validExitCodes) == [0, 3]
    assert made.secretenv == [pb.SecretEnv(ID="token", name="TOKEN", optional=True)]
    assert made.mounts[1].contentCache == pb.OFF
    assert caps == {
        *BASE,
        "exec.meta.network",
        "exec.meta.security",
        "exec.meta.ulimit",
        "exec.meta.cgroup.parent",
        "exec.meta.proxyenv",
        "exec.meta.linux.resources",
        "exec.mount.cache.content",
        "exec.mount.secret",
        "exec.secretenv",
        "exec.validexitcode",
    }


REFUSED: dict[str, Callable[[State], object]] = {
    "no args": lambda base: base.run([]),
    "one text": lambda base: base.run("make all"),
    "program is empty": lambda base: base.run([""]),
    "exec args holds a NUL": lambda base: base.run(["a", "b\0"]),
    "exec args is not valid Unicode": lambda base: base.run(["a", "\udc80"]),
    "two mounts at '/a'": lambda base: base.run(
        ["x"], mounts=[tmpfs("/a"), bind("/a/", image("b"))]
    ),
    "two mounts at '/'": lambda base: base.run(["x"], mounts=[tmpfs("/")]),
    "two mounts at '/run/buildkit/ssh_agent.0'": lambda base: base.run(
        ["x"], mounts=[ssh(), secret("/run/buildkit/ssh_agent.0", id="x")]
    ),
    "not an absolute path: 'tmp'": lambda _: tmpfs("tmp"),
    "destination is empty": lambda _: bind("", image("b")),
    "mount destination is empty": lambda _: ssh(dest=""),
    "not an absolute path: 'agent'": lambda _: ssh(dest="agent"),
    "id of mount '/c' is empty": lambda _: cache("/c", id=""),
    "id of mount '/s' is empty": lambda _: secret("/s", id=""),
    "mode 0o20000": lambda _: secret("/s", id="s", mode=0o20000),
    "mode -0o1": lambda _: ssh(mode=-1),
    "uid of mount '/s' is -1": lambda _: secret("/s", id="s", uid=-1),
    "gid of mount '/s' is 4294967296": lambda _: secret("/s", id="s", gid=2**32),
    "size of mount '/t' is -1": lambda _: tmpfs("/t", size=-1),
    "cwd is empty": lambda base: base.with_cwd(""),
    "exec cwd is not an absolute path": lambda base: State(base.output, cwd="src").run(["x"]),
    "variable is empty": lambda base: base.with_env("", "x"),
    "'=' in its name: 'A=B'": lambda base: base.with_env("A=B", "x"),
    "variable A holds a NUL": lambda base: base.with_env("A", "\0"),
    "user holds a NUL": lambda base: base.with_user("\0"),
    "exit code is 256": lambda base: base.run(["x"], valid_exit_codes=[256]),
    "ulimit name is empty": lambda base: base.run(["x"], ulimits=[Ulimit("", 1, 1)]),
    "address of extra host db is empty": lambda base: base.run(["x"], extra_hosts=[("db", "")]),
    "secret variable is empty": lambda base: base.run(["x"], secret_env=[SecretEnv("", "i")]),
    "id of secret variable A": lambda base: base.run(["x"], secret_env=[SecretEnv("A", "")]),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_the_daemon_would_refuse_is_refused_at_once(message: str) -> None:
    with pytest.raises(LLBError) as caught:
        REFUSED[message](image("a"))
    assert message in str(caught.value)


def test_mounts_compare_by_identity() -> None:
    made: list[Mount] = [tmpfs("/a"), tmpfs("/a")]
    assert made[0] != made[1]
    assert made[0] == made[0]
