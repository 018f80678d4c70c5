"""The graphs of ``vectors/v0.25/``, built in Python: every option of Go's client, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from buildkit_llb import (
    ContentCache,
    Definition,
    Device,
    Location,
    Metadata,
    Network,
    Owner,
    Platform,
    Position,
    ProgressGroup,
    ProxyEnv,
    Range,
    SecretEnv,
    Security,
    Sharing,
    SourceInfo,
    State,
    Ulimit,
    bind,
    cache,
    copy,
    diff,
    git,
    http,
    image,
    local,
    marshal,
    merge,
    mkdir,
    mkfile,
    oci_layout,
    rm,
    scratch,
    secret,
    ssh,
    symlink,
    tmpfs,
)
from tests.llb.samples import AMD64, DIGEST, busybox

ARM7 = Platform(os="linux", architecture="arm", variant="v7")
WINDOWS = Platform(os="windows", architecture="amd64")
OLD_WINDOWS = Platform(
    os="windows", architecture="amd64", os_version="10.0.17763", os_features=("win32k",)
)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def other() -> State:
    return image("alpine")


def exec_options() -> State:
    state = busybox().with_cwd("work").with_env("A", "1").with_env("PATH", "/bin")
    run = state.run(
        ["x", ""],
        extra_hosts=[("db", "10.0.0.1"), ("six", "0:0:0:0:0:0:0:1")],
        ulimits=[Ulimit("nofile", 1024, 4096), Ulimit("core", 0, -1)],
        cgroup_parent="/build",
        proxy=ProxyEnv(http="h", https="s", ftp="f", no="n", all="a"),
        valid_exit_codes=[0, 3],
        hostname="box",
        network=Network.HOST,
        security=Security.INSECURE,
        devices=[Device("nvidia.com/gpu=all", optional=True), Device("v/c=0")],
        readonly_root=True,
        mounts=[bind("/out", scratch(), readonly=False)],
    )
    return run.output("/out")


def exec_outputs() -> State:
    run = busybox().run(
        ["make"],
        mounts=[
            bind("/z", scratch(), readonly=False),
            bind("/b", scratch(), readonly=False),
            bind("/quiet", other(), readonly=False, output=False),
            bind("/ro", other(), selector="/etc"),
            bind("/a-", other(), content_cache=ContentCache.OFF),
            bind("/a", other(), content_cache=ContentCache.ON),
            cache(
                "/c",
                id="id",
                sharing=Sharing.PRIVATE,
                state=scratch().file(mkdir("/cache", mode=0o700)),
                selector="/cache",
            ),
            cache("/s", id="shared"),
            tmpfs("/t"),
            bind("/é", scratch()),
        ],
    )
    return merge([run.root, run.output("/z"), run.output("/b")])


def exec_secrets() -> State:
    run = busybox().run(
        ["x"],
        mounts=[
            ssh(id="one"),
            ssh(id="two", dest="/agent", uid=7, gid=8, mode=0o640),
            ssh(id="three", optional=True),
            secret("/etc/token", id="tok", uid=1, gid=2, mode=0o440),
        ],
        secret_env=[SecretEnv("PLAIN", "plain", optional=True)],
    )
    return run.root


def exec_secret_env() -> State:
    return busybox().run(["x"], secret_env=[SecretEnv("TOK", "tok")]).root


def exec_path() -> State:
    return busybox().with_env("Z", "1").run(["x"], mounts=[ssh()]).root


def exec_windows() -> State:
    return image("w", platform=WINDOWS).with_cwd("/x").run(["cmd"]).root


def platforms() -> State:
    windows = image("w", platform=OLD_WINDOWS)
    return image("a", platform=ARM7).run(["x"]).root.file(copy(windows, "/", "/w/"))


def copy_all() -> State:
    return (
        busybox()
        .with_cwd("/base")
        .file(
            copy(
                other().with_cwd("/data"),
                "in/./x*",
                "out/.",
                mode=0o640,
                follow_symlink=True,
                contents_only=True,
                include=["**/*.py", "a"],
                exclude=["*.pyc"],
                unpack=True,
                create_dest_path=True,
                allow_wildcard=True,
                allow_empty_wildcard=True,
                owner=Owner("me", "us"),
                timestamp=1_700_000_000_000_000_005,
                always_replace=True,
            )
        )
    )


def file_mix() -> State:
    base = busybox().with_cwd("/d")
    return base.file(
        mkdir("m", mode=0o777, parents=True, owner=Owner("me", "us"), timestamp=0),
        copy(other(), "/a", "b/"),
        mkfile("../f", b"\0\xff", mode=0o755, owner=Owner(1000)),
        copy(base, "/bin", "/bin2"),
        rm("x*", allow_wildcard=True, allow_not_found=True),
        copy(image("third"), ".", "/."),
        symlink("../t", "/l", owner=Owner(0, 7), timestamp=0),
        copy(other(), "/", "/"),
    )


def file_scratch() -> State:
    return scratch().file(
        mkdir("/m", owner=Owner("me")),
        copy(busybox(), "/bin", "/m/"),
        copy(scratch(), "/", "/y", owner=Owner(0, "me")),
    )


def merge_twice() -> State:
    one = busybox()
    return merge([scratch(), one, other(), one, scratch()]).run(["x"]).root


def diff_to_scratch() -> State:
    return diff(busybox(), scratch())


def image_options() -> State:
    return merge(
        [
            image("a", resolve_mode="pull", record_type="internal", layer_limit=2, checksum=DIGEST),
            image(f"ghcr.io/o/b:1@{DIGEST}", resolve_mode="local"),
            image("localhost/c", resolve_mode="default"),
            oci_layout(f"base@{DIGEST}", session_id="sess", store_id="store", layer_limit=1),
            oci_layout(f"bare@{DIGEST}"),
        ]
    )


def local_options() -> State:
    return local(
        "context",
        include=["a b", '"\\\t\u2028<>&é'],
        exclude=["!x"],
        follow=["f"],
        shared_key_hint="hint",
        differ="none",
        differ_required=True,
        metadata_only=True,
        metadata_only_except=["keep"],
        unique="unique",
    )


def http_options() -> State:
    return http(
        "https://example.com/w?a=1&b=2",
        checksum=DIGEST,
        filename="w",
        mode=0o755,
        uid=7,
        gid=8,
        auth_header_secret="auth",
        accept="a/b",
        user_agent="me/1",
    )


def git_ssh() -> State:
    return merge(
        [
            git(
                "git@example.com:team/repo.git",
                ref="v1",
                subdir="a/b",
                known_ssh_hosts="example.com ssh-ed25519 AAAA",
                mount_ssh_sock="agent",
                checksum=COMMIT,
                skip_submodules=True,
                keep_git_dir=True,
            ),
            git("example.com/repo", auth_token_secret="T", auth_header_secret="H"),
            git("ssh://git@example.com:22/repo", known_ssh_hosts="k\n"),
        ]
    )


def said() -> State:
    def span(*ends: int) -> Range:
        return Range(Position(*ends[:2]), Position(*ends[2:]))

    config = SourceInfo("cog.yaml", b"a\nb\nc\n", "yaml")
    loads = marshal(local("dockerfile", session_id="s"), platform=AMD64)
    packages = SourceInfo("requirements.txt", b"x\n", "text", loads)
    ran = busybox().run(
        ["a"],
        metadata=Metadata(
            name="step a",
            locations=(
                Location(config, (span(1, 0, 1, 1), span(2, 0, 3, 0))),
                Location(packages, (span(1, 0, 1, 0),)),
            ),
            progress_group=ProgressGroup("g", "group", weak=True),
            description=(("k", "v"),),
            export_cache=False,
        ),
    )
    last = Metadata(
        ignore_cache=True,
        export_cache=True,
        locations=(Location(config, (span(2, 0, 2, 0),)),),
        progress_group=ProgressGroup("g", "group"),
    )
    return ran.root.file(rm("/x"), metadata=last)


class Sample(NamedTuple):
    """A graph, what it is marshalled for, and the caps that Go forgets to ask for."""

    make: Callable[[], State]
    platform: Platform = AMD64
    caps: frozenset[str] | None = None
    ours_only: frozenset[str] = frozenset()

    def definition(self) -> Definition:
        return marshal(self.make(), platform=self.platform, caps=self.caps)


OLD, NEW = frozenset({"exec.meta.base"}), frozenset({"exec.meta.setsdefaultpath"})
SAMPLES = {
    "copy_all": Sample(
        copy_all,
        ours_only=frozenset(
            {"file.copy.includeexcludepatterns", "file.copy.alwaysreplaceexistingdestpaths"}
        ),
    ),
    "diff_to_scratch": Sample(diff_to_scratch),
    "exec_options": Sample(exec_options, ours_only=frozenset({"exec.meta.cgroup.parent"})),
    "exec_outputs": Sample(exec_outputs),
    "exec_path_added": Sample(exec_path, caps=OLD),
    "exec_path_left": Sample(exec_path, caps=NEW),
    "exec_secret_env": Sample(exec_secret_env),
    "exec_secrets": Sample(exec_secrets),
    "exec_windows": Sample(exec_windows, platform=WINDOWS, caps=OLD),
    "file_mix": Sample(file_mix, ours_only=frozenset({"file.symlink.create", "file.rm.wildcard"})),
    "file_scratch": Sample(file_scratch),
    "git_ssh": Sample(git_ssh, ours_only=frozenset({"source.git.subdir"})),
    "http_options": Sample(http_options),
    "image_options": Sample(image_options),
    "local_options": Sample(local_options),
    "merge_twice": Sample(merge_twice),
    "platforms": Sample(platforms),
    "said": Sample(said),
}
