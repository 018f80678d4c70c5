"""The in-memory daemon does what tests of a frontend lean on."""

from __future__ import annotations

import pytest

import buildkit_llb as llb
from cog_frontend.gateway import Bridge, Result, single_image
from cog_frontend.rpc import RpcError
from tests.fakes.bridge import FakeBridge, FakeImage
from tests.fakes.caps import GRAPHDRIVER, Abilities
from tests.fakes.solver import Run, RunFailed
from tests.fakes.tree import Entry, Missing, Tree, matches, symlink

AMD64 = llb.Platform.parse("linux/amd64")
PYTHON = "docker.io/library/python:3.12-slim"
PROJECT: dict[str, bytes | Entry] = {
    "cog.yaml": b"build: {}\n",
    "predict.py": b"pass\n",
    "weights/a.bin": b"1",
    "weights/b.bin": b"2",
    "weights/notes.txt": b"3",
    "current": symlink("weights/a.bin"),
}
CONTEXT = llb.local("context")


def contents(state: llb.State, fake: FakeBridge | None = None) -> dict[str, bytes]:
    """The files that a graph gives."""
    fake = fake or FakeBridge(
        files={"context": PROJECT}, images={PYTHON: FakeImage(files={"etc/os": b"debian"})}
    )
    ref = Bridge(fake).solve(llb.marshal(state, platform=AMD64))
    return fake.tree(ref.id).files if ref else {}


# Local sources


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"follow": ["cog.yaml", "absent"]}, {"cog.yaml"}),
        ({"follow": ["current"]}, {"weights/a.bin"}),
        ({"include": ["weights"], "exclude": ["**/*.txt"]}, {"weights/a.bin", "weights/b.bin"}),
        ({"include": ["*.py"]}, {"predict.py"}),
        (
            {"exclude": ["weights", "!weights/a.bin"]},
            {"cog.yaml", "predict.py", "weights/a.bin"},
        ),
    ],
)
def test_local_sources_are_filtered(filters: dict[str, list[str]], expected: set[str]) -> None:
    state = llb.local(
        "context",
        include=filters.get("include", ()),
        exclude=filters.get("exclude", ()),
        follow=filters.get("follow", ()),
    )
    assert set(contents(state)) == expected


def test_a_local_source_that_the_client_lacks_is_empty() -> None:
    assert contents(llb.local("elsewhere")) == {}


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.py", "a.py", True),
        ("*.py", "a/b.py", False),
        ("**/*.py", "a.py", True),
        ("**/*.py", "a/b/c.py", True),
        ("a", "a/b/c", True),
        ("a/", "a/b", True),
        ("/a", "a", True),
        ("a/**", "a/b/c", True),
        ("?.py", "ab.py", False),
        ("a.py", "axpy", False),
        ("a+(b)", "a+(b)", True),
    ],
)
def test_patterns(pattern: str, path: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert matches(pattern, path) is expected


# File ops


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (llb.copy(CONTEXT, "/predict.py", "/x.py"), {"x.py": b"pass\n"}),
        (
            llb.copy(CONTEXT, "/predict.py", "/src/", create_dest_path=True),
            {"src/predict.py": b"pass\n"},
        ),
        (
            llb.copy(CONTEXT, "/weights", "/w", contents_only=True, include=["*.bin"]),
            {"w/a.bin": b"1", "w/b.bin": b"2"},
        ),
        (llb.copy(CONTEXT, "/*.py", "/", allow_wildcard=True), {"predict.py": b"pass\n"}),
        (
            llb.copy(CONTEXT, "/*.no", "/", allow_wildcard=True, allow_empty_wildcard=True),
            {},
        ),
        (llb.copy(CONTEXT, "/current", "/a", follow_symlink=True), {"a": b"1"}),
        (llb.mkfile("/note", b"text"), {"note": b"text"}),
        (llb.mkdir("/a/b", parents=True), {}),
    ],
)
def test_file_actions_on_scratch(action: llb.FileAction, expected: dict[str, bytes]) -> None:
    assert contents(llb.scratch().file(action)) == expected


def test_actions_follow_each_other_and_may_remove() -> None:
    state = CONTEXT.file(
        llb.mkdir("/new"),
        llb.mkfile("/new/x", b"1"),
        llb.rm("/weights"),
        llb.rm("/no", allow_not_found=True),
    )
    assert set(contents(state)) == {"cog.yaml", "predict.py", "new/x"}


@pytest.mark.parametrize(
    "action",
    [
        llb.copy(CONTEXT, "/absent", "/x"),
        llb.copy(CONTEXT, "/predict.py", "/absent/x"),
        llb.copy(CONTEXT, "/*.nothing", "/", allow_wildcard=True),
        llb.mkfile("/absent/x", b""),
        llb.rm("/absent"),
    ],
)
def test_actions_on_what_is_not_there_fail(action: llb.FileAction) -> None:
    with pytest.raises(RpcError, match=r"no such file or directory|not found"):
        contents(llb.scratch().file(action))


def test_merge_lays_one_over_the_other_and_diff_takes_what_changed() -> None:
    base = llb.image(PYTHON)
    changed = base.file(llb.mkfile("/etc/new", b"2"))
    assert contents(llb.diff(base, changed)) == {"etc/new": b"2"}
    note = llb.scratch().file(llb.mkfile("/note", b"3"))
    assert contents(llb.merge([base, llb.diff(base, changed), note])) == {
        "etc/os": b"debian",
        "etc/new": b"2",
        "note": b"3",
    }


# Exec ops


def test_an_exec_sees_its_mounts_and_writes_to_its_outputs() -> None:
    seen: list[Run] = []

    def compiles(run: Run) -> dict[str, bytes]:
        seen.append(run)
        return {"/out/lock": run.read("/in/cog.yaml").upper(), "/root-file": b"x"}

    fake = FakeBridge(
        files={"context": PROJECT},
        images={PYTHON: FakeImage(files={"etc/os": b"debian"})},
        runner=compiles,
    )
    base = llb.image(PYTHON).with_env("A", "b=c")
    run = base.run(
        ["uv", "pip", "compile"],
        mounts=[
            llb.bind("/in", CONTEXT),
            llb.bind("/out", llb.scratch(), readonly=False),
            llb.cache("/cache", id="uv"),
        ],
        metadata=llb.Metadata(name="lock"),
    )
    assert contents(run.output("/out"), fake) == {"lock": b"BUILD: {}\n"}
    assert contents(run.root, fake) == {"etc/os": b"debian", "root-file": b"x"}
    assert len(seen) == 1, "equal ops of two solves run once"
    assert seen[0].name == "lock"
    assert seen[0].env["A"] == "b=c"
    assert set(seen[0].mounts) == {"/", "/in", "/out", "/cache"}


# Errors of the daemon


def test_an_unknown_cap_fails_when_the_content_is_asked_for() -> None:
    fake = FakeBridge(images={PYTHON: FakeImage()}, caps=GRAPHDRIVER)
    bridge = Bridge(fake)
    merged = llb.merge([llb.image(PYTHON), llb.scratch().file(llb.mkfile("/x", b""))])
    ref = bridge.solve(llb.marshal(merged, platform=AMD64))
    assert ref
    with pytest.raises(RpcError, match="unknown API capability mergeop"):
        bridge.evaluate(ref)


def test_an_ancient_daemon_knows_no_file_ops() -> None:
    bridge = Bridge(FakeBridge(caps=Abilities(frontend=None, llb=None)))
    ref = bridge.solve(llb.marshal(llb.scratch().file(llb.mkfile("/x", b"")), platform=AMD64))
    assert ref
    with pytest.raises(RpcError, match=r"unknown API capability file\.base"):
        bridge.read_file(ref, "x")


def test_a_returned_ref_that_fails_is_the_error_of_the_build() -> None:
    def fails(run: Run) -> dict[str, bytes]:
        raise RunFailed(1)

    fake = FakeBridge(images={PYTHON: FakeImage()}, runner=fails)
    bridge = Bridge(fake)
    ref = bridge.solve(llb.marshal(llb.image(PYTHON).run(["false"]).root, platform=AMD64))
    bridge.return_result(single_image(ref, b"{}", AMD64))
    assert fake.build_error
    assert "exit code: 1" in fake.build_error.message


def test_several_refs_need_their_platforms() -> None:
    with pytest.raises(RpcError, match=r"missing refs\.platforms"):
        Bridge(FakeBridge()).return_result(Result(refs={"a": None, "b": None}))


def test_a_message_larger_than_the_limit_is_refused() -> None:
    state = llb.scratch().file(llb.mkfile("/large", bytes(17 << 20)))
    with pytest.raises(RpcError, match="larger than max"):
        Bridge(FakeBridge()).solve(llb.marshal(state, platform=AMD64))


def test_an_image_is_asked_for_by_its_full_name() -> None:
    with pytest.raises(RpcError, match="names no registry"):
        Bridge(FakeBridge()).resolve("python:3.12-slim", platform=AMD64)


# Trees


def test_links_are_followed_inside_the_tree() -> None:
    tree = Tree.of(
        {"a/b": b"1", "a/up": symlink("../a/b"), "root": symlink("/a"), "loop": symlink("loop")}
    )
    assert tree["a/up"].data == b"1"
    assert tree["root/b"].data == b"1"
    assert tree["/a/../a/./b"].data == b"1"
    with pytest.raises(Missing, match="too many links"):
        tree["loop"]


def test_a_tree_is_a_value() -> None:
    tree = Tree.of({"a/b": b"1"})
    assert tree.writing({"a/c": Entry(data=b"2")}).files == {"a/b": b"1", "a/c": b"2"}
    assert tree.without("a").files == {}
    assert tree.files == {"a/b": b"1"}
