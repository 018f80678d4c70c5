"""The graphs of ``vectors/``, built in Python."""

from __future__ import annotations

from buildkit_llb import (
    Metadata,
    Network,
    Owner,
    Platform,
    SecretEnv,
    Sharing,
    State,
    bind,
    cache,
    copy,
    diff,
    git,
    http,
    image,
    local,
    merge,
    mkdir,
    mkfile,
    rm,
    scratch,
    secret,
    ssh,
    symlink,
    tmpfs,
)

AMD64 = Platform(os="linux", architecture="amd64")
DIGEST = "sha256:6d9ac9237a84afe1516540f40a0fafdc86859b2141954b4d643af7066d598b74"


def busybox() -> State:
    return image("busybox:1.36")


def python() -> State:
    return image(f"python:3.12-slim@{DIGEST}", metadata=Metadata(name="FROM python"))


def context() -> State:
    return local(
        "context",
        session_id="sess",
        exclude=["*.md", "!a<b>&"],
        follow=["requirements.txt"],
        shared_key_hint="context",
        metadata=Metadata(name="[internal] load build context"),
    )


def run() -> State:
    return busybox().run(["/bin/sh", "-c", "echo hi"]).root


def env_order() -> State:
    base = busybox().with_env("B", "2").with_env("A", "1").with_env("B", "3")
    prepared = base.with_cwd("/src").with_user("1000")
    return prepared.run(["env"], metadata=Metadata(name="env")).root


def mounts() -> State:
    installed = python().run(
        ["/bin/sh", "-c", "pip install -r /tmp/req.txt"],
        mounts=[
            ssh(),
            tmpfs("/tmp", size=1024),
            cache("/root/.cache/pip", id="cog/pip", sharing=Sharing.LOCKED),
            secret("/run/secrets/x", id="x", optional=True),
            bind("/tmp/req.txt", context(), selector="/requirements.txt"),
        ],
        secret_env=[SecretEnv("TOK", "tok")],
        network=Network.NONE,
        metadata=Metadata(name="pip", ignore_cache=True),
    )
    return installed.root


def file_chain() -> State:
    return scratch().file(
        mkdir("/src", parents=True),
        mkfile("/src/a", b"hi"),
        rm("/src/a", allow_not_found=True),
        symlink("/src", "/lnk"),
        metadata=Metadata(name="files"),
    )


def copied() -> State:
    return busybox().file(
        copy(
            context(),
            "/",
            "/src/",
            owner=Owner(1000, 1000),
            contents_only=True,
            create_dest_path=True,
            allow_wildcard=True,
            allow_empty_wildcard=True,
            follow_symlink=True,
        )
    )


def merge_diff() -> State:
    base = busybox()
    changed = [diff(base, base.run(["touch", path]).root) for path in ("/a", "/b")]
    return merge([base, *changed], metadata=Metadata(name="merge"))


def web_file() -> State:
    return http("https://example.com/a.tgz", filename="a.tgz", mode=0o644, checksum=DIGEST)


def repository() -> State:
    remote = "https://github.com/moby/buildkit.git"
    return git(remote, ref="master", subdir="docs", keep_git_dir=True)


STATES = {
    "image": busybox,
    "local": context,
    "run": run,
    "env_order": env_order,
    "mounts": mounts,
    "file_chain": file_chain,
    "copy": copied,
    "merge_diff": merge_diff,
    "http": web_file,
    "git": repository,
}
