from __future__ import annotations

from buildkit_llb import (
    Definition,
    LinuxResources,
    Location,
    Metadata,
    Owner,
    Position,
    ProgressGroup,
    Range,
    SourceInfo,
    bind,
    cache,
    copy,
    digest,
    dot,
    dump,
    image,
    marshal,
    merge,
    mkdir,
    mkfile,
    rm,
    scratch,
    symlink,
)
from buildkit_llb._graph import Edge, encode_op
from buildkit_llb.pb import ops_pb2 as pb
from tests.llb.samples import AMD64, STATES

PICTURE = r"""digraph {
  1 [label="docker-image://docker.io/library/a:latest" shape=ellipse];
  2 [label="docker-image://docker.io/library/b:latest" shape=ellipse];
  3 [label="sh -c echo \"\\\n\"" shape=box];
  4 [label="make /d" shape=note];
  5 [label="merge" shape=invtriangle peripheries=2];
  1 -> 3 [label=""];
  2 -> 3 [label="/also, /in"];
  3 -> 5 [label=""];
  4 -> 5 [label=""];
}
"""

MOUNTS = """\
1 source
    platform linux/amd64
    docker-image://docker.io/library/python:3.12-slim@sha256:6d9ac9237a84afe1516540f40a0fafdc86859b2141954b4d643af7066d598b74
    name: FROM python
2 source
    local://context
    local.excludepatterns ["*.md","!a\\u003cb\\u003e\\u0026"]
    local.followpaths ["requirements.txt"]
    local.session sess
    local.sharedkeyhint context
    name: [internal] load build context
3 exec
    platform linux/amd64
    args /bin/sh -c 'pip install -r /tmp/req.txt'
    env SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0
    cwd /
    network none
    mount bind / from 1 output=0
    mount cache /root/.cache/pip id=cog/pip locked
    mount tmpfs /tmp size=1024
    mount bind /tmp/req.txt from 2 selector=/requirements.txt readonly
    mount secret /run/secrets/x id=x mode=0400 optional
    mount ssh /run/buildkit/ssh_agent.0 id=default mode=0600
    secret env TOK id=tok
    name: pip
    ignore cache
return 3
needs constraints
needs exec.meta.base
needs exec.meta.network
needs exec.mount.bind
needs exec.mount.cache
needs exec.mount.cache.sharing
needs exec.mount.secret
needs exec.mount.selector
needs exec.mount.ssh
needs exec.mount.tmpfs
needs exec.mount.tmpfs.size
needs exec.secretenv
needs meta.description
needs meta.ignorecache
needs platform
needs source.image
needs source.local
needs source.local.excludepatterns
needs source.local.followpaths
needs source.local.sessionid
needs source.local.sharedkeyhint
"""

FILES = """\
2 file
    mkdir on scratch path=/d mode=0700 makeParents owner=me:0
    mkfile path=/d/run mode=0755 timestamp=5
        | #!/bin/sh
        | echo '\\t' (no newline)
    mkfile path=/d/bin mode=0644
        1 bytes, sha256:a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89
    mkfile path=/d/empty mode=0644
    copy from 1 src=/a dest='/b c/' mode=0000 timestamp=0 include_patterns=['*.py']
    copy from 1 src=/a dest=/
    rm path=/b allowWildcard
    symlink oldpath=../t newpath=/l
"""

SAID = """\
    name: build
    ignore cache
    export cache: no
    progress group: g 'two\\nlines' (weak)
    limits: memory=1024
    at cog.yaml 2:0-2:3, 4:1-5:0
"""


def test_an_exec_with_every_kind_of_mount() -> None:
    assert dump(marshal(STATES["mounts"](), platform=AMD64)) == MOUNTS


def test_file_actions_and_the_text_of_small_files() -> None:
    state = scratch().file(
        mkdir("/d", mode=0o700, parents=True, owner=Owner("me", 0)),
        mkfile("/d/run", b"#!/bin/sh\necho '\\t'", mode=0o755, timestamp=5),
        mkfile("/d/bin", b"\xff"),
        mkfile("/d/empty", b""),
        copy(image("a"), "/a", "/b c/", include=["*.py"], mode=0, timestamp=0),
        copy(image("a"), "/a", "/"),
        rm("/b", allow_wildcard=True),
        symlink("../t", "/l"),
    )
    text = dump(marshal(state, platform=AMD64))
    start = text.index("2 file")
    assert text[start : text.index("return")] == FILES


def test_what_was_said_about_an_op() -> None:
    config = SourceInfo("cog.yaml", b"")
    said = Metadata(
        name="build",
        ignore_cache=True,
        export_cache=False,
        progress_group=ProgressGroup("g", "two\nlines", weak=True),
        linux_resources=LinuxResources(memory=1024),
        locations=(
            Location(
                config,
                (Range(Position(2), Position(2, 3)), Range(Position(4, 1), Position(5))),
            ),
        ),
    )
    assert SAID in dump(marshal(image("a", metadata=said), platform=AMD64))


def test_inputs_are_numbers_so_a_change_stays_where_it_is() -> None:
    def lines(tag: str) -> list[str]:
        state = image(tag).run(["x"], mounts=[bind("/o", scratch(), readonly=False)]).output("/o")
        return dump(marshal(state.run(["y"]).root, platform=AMD64)).splitlines()

    one, two = lines("a:1"), lines("a:2")
    assert [pair for pair in zip(one, two, strict=True) if pair[0] != pair[1]] == [
        (
            "    docker-image://docker.io/library/a:1",
            "    docker-image://docker.io/library/a:2",
        )
    ]
    assert "    mount bind / from 2[1] output=0" in one


def test_a_cache_that_starts_as_a_tree() -> None:
    state = image("a").run(["x"], mounts=[cache("/c", id="my id", state=image("b"))]).root
    text = dump(marshal(state, platform=AMD64))
    assert "    mount cache /c from 2 id='my id' shared\n" in text


def test_a_picture_for_graphviz() -> None:
    run = image("a").run(
        ["sh", "-c", 'echo "\\\n"'],
        mounts=[bind("/in", image("b")), bind("/also", image("b")), cache("/c", id="c")],
    )
    state = merge([run.root, scratch().file(mkdir("/d"), metadata=Metadata(name="make /d"))])
    assert dot(marshal(state, platform=AMD64)) == PICTURE
    assert dot(Definition()) == "digraph {\n}\n"


def test_a_long_script_is_cut_in_a_picture() -> None:
    text = dot(marshal(image("a").run(["x" * 500]).root, platform=AMD64))
    assert f'label="{"x" * 97}..." shape=box' in text


def test_what_is_missing_or_unknown_is_in_the_picture() -> None:
    passed = encode_op([Edge("gone", 0)], pb.Op(passthrough=pb.PassthroughOp(id="x")))
    last = pb.Op(inputs=[pb.Input(digest=digest(passed))]).SerializeToString()
    text = dot(Definition(ops=(passed, last)))
    assert '  1 [label="passthrough" shape=plaintext peripheries=2];\n' in text
    assert '  "gone" -> 1 [label=""];\n' in text


def test_nothing() -> None:
    assert dump(Definition()) == "return scratch\n"


def test_ops_and_constants_of_a_newer_daemon_are_shown_as_far_as_they_are_known() -> None:
    passed = encode_op((), pb.Op(passthrough=pb.PassthroughOp(id="x")))
    meta = pb.Meta(args=["x"], cwd="/")
    mounts = [pb.Mount(dest="/", input=-1, mountType=77), pb.Mount(dest="/a", input=-9)]  # type: ignore[arg-type] # a number without a name
    run = encode_op((), pb.Op(exec=pb.ExecOp(meta=meta, mounts=mounts, network=9)))  # type: ignore[arg-type] # as above
    last = pb.Op(inputs=[pb.Input(digest=digest(run)), pb.Input(digest="gone")])
    text = dump(Definition(ops=(passed, run, last.SerializeToString())))
    assert text.startswith("1 passthrough\n    inputs \n")
    assert "    network 9\n" in text
    assert "    mount 77 /\n" in text
    assert "    mount bind /a from input -9 output=0\n" in text
    assert text.endswith("return 2, missing gone\n")
