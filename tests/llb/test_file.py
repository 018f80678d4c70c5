from __future__ import annotations

from collections.abc import Callable

import pytest

from buildkit_llb import (
    FileAction,
    LLBError,
    Owner,
    State,
    copy,
    image,
    marshal,
    mkdir,
    mkfile,
    rm,
    scratch,
    symlink,
)
from buildkit_llb._definition import parse_op
from buildkit_llb.pb import ops_pb2 as pb
from tests.llb.samples import AMD64


def encoded(state: State) -> tuple[pb.Op, frozenset[str]]:
    definition = marshal(state, platform=AMD64)
    assert definition.head is not None
    number = definition.digests.index(definition.head)
    return parse_op(definition.ops[number]), definition.metadata[definition.head].caps


def actions(state: State) -> list[pb.FileAction]:
    return list(encoded(state)[0].file.actions)


def numbers(state: State) -> list[tuple[int, int, int]]:
    return [(one.input, one.secondaryInput, one.output) for one in actions(state)]


def test_later_actions_work_on_what_the_one_before_made() -> None:
    other = image("b")
    state = image("a").file(mkdir("/x"), copy(other, "/", "/x"), rm("/y"), copy(other, "/z", "/"))
    assert numbers(state) == [(0, -1, -1), (2, 1, -1), (3, -1, -1), (4, 1, 0)]
    assert len(encoded(state)[0].inputs) == 2


def test_on_the_empty_tree_the_first_action_has_no_input() -> None:
    assert numbers(scratch().file(mkdir("/x"))) == [(-1, -1, 0)]
    assert numbers(scratch().file(copy(image("a"), "/", "/"))) == [(-1, 0, 0)]
    assert numbers(scratch().file(copy(scratch(), "/", "/"))) == [(-1, -1, 0)]


def test_a_copy_within_one_tree_has_one_input() -> None:
    base = image("a")
    assert numbers(base.file(copy(base, "/x", "/y"))) == [(0, 0, 0)]


def test_file_ops_have_no_platform_and_keep_the_environment() -> None:
    base = image("a").with_env("A", "1").with_cwd("/src")
    state = base.file(mkdir("x"))
    assert (state.env, state.cwd) == (base.env, base.cwd)
    assert not encoded(state)[0].HasField("platform")


@pytest.mark.parametrize(
    ("given", "path"),
    [("x", "/src/x"), ("/x/", "/x"), ("../x", "/x"), ("//x", "/x"), (".", "/src")],
)
def test_paths_start_at_the_directory_of_the_state(given: str, path: str) -> None:
    base = scratch().with_cwd("/src")
    made = actions(base.file(mkdir(given), mkfile(given, b""), rm(given), symlink("t", given)))
    assert made[0].mkdir.path == path
    assert made[1].mkfile.path == path
    assert made[2].rm.path == path
    assert (made[3].symlink.oldpath, made[3].symlink.newpath) == ("t", path)


@pytest.mark.parametrize(
    ("given", "dest"),
    [
        ("/a", "/a"),
        ("/a/", "/a/"),
        ("/a//", "/a/"),
        ("a/", "/src/a/"),
        ("/", "/"),
        ("//", "/"),
        (".", "/src"),
        ("./", "/src/"),
        ("/a/.", "/a/."),
        ("/.", "/."),
        ("..", "/"),
        ("../../..", "/"),
    ],
)
def test_a_copy_keeps_the_last_slash_of_its_destination(given: str, dest: str) -> None:
    base = scratch().with_cwd("/src")
    assert actions(base.file(copy(image("a"), "/x", given)))[0].copy.dest == dest


@pytest.mark.parametrize(
    ("given", "src"), [("x", "/data/x"), ("/x/", "/x"), ("*.txt", "/data/*.txt"), ("..", "/")]
)
def test_the_source_of_a_copy_starts_at_the_directory_of_its_tree(given: str, src: str) -> None:
    files = image("a").with_cwd("/data")
    assert actions(scratch().with_cwd("/src").file(copy(files, given, "/")))[0].copy.src == src


def test_zero_is_a_value_and_absence_is_minus_one() -> None:
    kept, zeroed = actions(
        scratch().file(copy(image("a"), "/", "/"), copy(image("a"), "/", "/", mode=0, timestamp=0))
    )
    assert (kept.copy.mode, kept.copy.timestamp) == (-1, -1)
    assert (zeroed.copy.mode, zeroed.copy.timestamp) == (0, 0)
    assert not kept.copy.HasField("owner")


def test_owners_are_ids_or_names_that_the_tree_acted_on_must_know() -> None:
    def owner(state: State) -> pb.ChownOpt:
        return actions(state)[0].mkdir.owner

    by_id = owner(image("a").file(mkdir("/x", owner=Owner(0, 1000))))
    assert by_id.user.WhichOneof("user") == "byID"
    assert (by_id.user.byID, by_id.group.byID) == (0, 1000)
    by_name = owner(image("a").file(mkdir("/x", owner=Owner("me", "us"))))
    assert (by_name.user.byName.name, by_name.user.byName.input) == ("me", 0)
    assert (by_name.group.byName.name, by_name.group.byName.input) == ("us", 0)
    unknown = owner(scratch().file(mkdir("/x", owner=Owner("me"))))
    assert unknown.user.byName.input == -1
    assert not unknown.HasField("group")


def test_every_option_is_in_the_op() -> None:
    state = scratch().file(
        copy(
            image("a"),
            "/a",
            "/b",
            mode=0o4755,
            timestamp=5,
            follow_symlink=True,
            contents_only=True,
            unpack=True,
            create_dest_path=True,
            allow_wildcard=True,
            allow_empty_wildcard=True,
            include=["*.py"],
            exclude=["b"],
            always_replace=True,
            required_paths=["c"],
        ),
        mkdir("/d", mode=0o700, parents=True, timestamp=6),
        mkfile("/e", b"\0\xff", mode=0o600, timestamp=7),
        rm("/f", allow_not_found=True, allow_wildcard=True),
        symlink("../g", "/h", timestamp=8, owner=Owner(1, 2)),
    )
    op, caps = encoded(state)
    made = op.file.actions
    assert made[0].copy == pb.FileActionCopy(
        src="/a",
        dest="/b",
        mode=0o4755,
        timestamp=5,
        followSymlink=True,
        dirCopyContents=True,
        attemptUnpackDockerCompatibility=True,
        createDestPath=True,
        allowWildcard=True,
        allowEmptyWildcard=True,
        include_patterns=["*.py"],
        exclude_patterns=["b"],
        alwaysReplaceExistingDestPaths=True,
        required_paths=["c"],
    )
    assert made[1].mkdir == pb.FileActionMkDir(path="/d", mode=0o700, makeParents=True, timestamp=6)
    assert made[2].mkfile == pb.FileActionMkFile(path="/e", mode=0o600, data=b"\0\xff", timestamp=7)
    assert made[3].rm == pb.FileActionRm(path="/f", allowNotFound=True, allowWildcard=True)
    assert made[4].symlink == pb.FileActionSymlink(
        oldpath="../g",
        newpath="/h",
        timestamp=8,
        owner=pb.ChownOpt(user=pb.UserOpt(byID=1), group=pb.UserOpt(byID=2)),
    )
    assert caps == {
        "file.base",
        "file.copy.alwaysreplaceexistingdestpaths",
        "file.copy.includeexcludepatterns",
        "file.copy.requiredpaths",
        "file.rm.wildcard",
        "file.symlink.create",
    }


def test_plain_actions_ask_for_file_ops_only() -> None:
    plain = scratch().file(mkdir("/a"), mkfile("/b", b""), rm("/b"), copy(image("a"), "/", "/"))
    assert encoded(plain)[1] == {"file.base"}


def test_an_action_can_be_used_more_than_once() -> None:
    action: FileAction = copy(image("a"), "x", "y")
    one, two = (actions(scratch().with_cwd(cwd).file(action))[0] for cwd in ("/1", "/2"))
    assert (one.copy.dest, two.copy.dest) == ("/1/y", "/2/y")


REFUSED: dict[str, Callable[[], object]] = {
    "file op has no actions": lambda: scratch().file(),
    "mkdir path is empty": lambda: mkdir(""),
    "mkfile path is empty": lambda: mkfile("", b""),
    "rm path is empty": lambda: rm(""),
    "copy source is empty": lambda: copy(scratch(), "", "/"),
    "copy destination is empty": lambda: copy(scratch(), "/", ""),
    "copy pattern is empty": lambda: copy(scratch(), "/", "/", include=[""]),
    "symlink target is empty": lambda: symlink("", "/a"),
    "symlink path holds a NUL": lambda: symlink("a", "\0"),
    "mkdir '/a' has mode 0o1777": lambda: mkdir("/a", mode=0o1777),
    "mkfile '/a' has mode -0o1": lambda: mkfile("/a", b"", mode=-1),
    "copy to '/b' has mode 0o10000": lambda: copy(scratch(), "/", "/b", mode=0o10000),
    "timestamp is -1": lambda: mkdir("/a", timestamp=-1),
    "timestamp is 9223372036854775808": lambda: mkfile("/a", b"", timestamp=2**63),
    "owner is -1": lambda: mkdir("/a", owner=Owner(-1, 0)),
    "owner is empty": lambda: mkdir("/a", owner=Owner("", 0)),
    "owner is 4294967296": lambda: copy(scratch(), "/", "/", owner=Owner(0, 2**32)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_the_daemon_would_refuse_is_refused_at_once(message: str) -> None:
    with pytest.raises(LLBError) as caught:
        REFUSED[message]()
    assert message in str(caught.value)
