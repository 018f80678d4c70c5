from __future__ import annotations

import os
import subprocess
import sys

from buildkit_llb import (
    Definition,
    LinuxResources,
    Location,
    Metadata,
    Output,
    Platform,
    Position,
    ProgressGroup,
    Range,
    SourceInfo,
    State,
    _caps,
    bind,
    copy,
    dump,
    image,
    load,
    marshal,
    merge,
    mkdir,
    scratch,
)
from buildkit_llb._definition import parse_op
from tests.llb.fakes import CountingOp
from tests.llb.samples import AMD64, STATES

CONFIG = SourceInfo("cog.yaml", b"build:\n  gpu: true\n", "yaml")


def at(line: int, info: SourceInfo = CONFIG) -> Location:
    return Location(info, (Range(Position(line), Position(line, 5)),))


def test_the_empty_tree_is_the_empty_definition() -> None:
    definition = marshal(scratch(), platform=AMD64)
    assert definition == Definition()
    assert definition.to_bytes() == b""
    assert definition.head is None
    assert definition.caps == frozenset()


def test_head_is_the_op_before_the_return_op() -> None:
    definition = marshal(image("a").run(["true"]).root, platform=AMD64)
    assert definition.head == definition.digests[-2]


def test_inputs_come_before_their_users() -> None:
    for build in STATES.values():
        seen: set[str] = set()
        definition = marshal(build(), platform=AMD64)
        for name, data in zip(definition.digests, definition.ops, strict=True):
            assert {used.digest for used in parse_op(data).inputs} <= seen
            seen.add(name)


def test_a_thousand_diamonds_are_encoded_once_each() -> None:
    ops = [CountingOp("bottom")]
    for number in range(1000):
        below = Output(ops[-1])
        left, right = (CountingOp(f"{side} {number}", (below,)) for side in ("left", "right"))
        ops += [left, right, CountingOp(f"top {number}", (Output(left), Output(right)))]
    definition = marshal(State(Output(ops[-1])), platform=AMD64)
    assert {op.encoded for op in ops} == {1}
    assert len(definition.ops) == len(ops) + 1


def test_a_deep_graph_of_real_ops_does_not_recurse() -> None:
    state = image("a")
    for number in range(1500):
        state = merge([state.file(mkdir(f"/{number}")), state.run(["true", str(number)]).root])
    definition = marshal(state, platform=AMD64)
    assert len(definition.ops) == 1 + 3 * 1500 + 1
    assert marshal(load(definition), platform=AMD64) == definition
    assert dump(definition).count("\n") > 3 * 1500
    assert len(repr(state)) < 1000


def test_equal_ops_are_one_op() -> None:
    def built() -> State:
        return image("a").run(["make"]).root

    definition = marshal(merge([built(), built(), image("a")]), platform=AMD64)
    assert len(definition.ops) == 4  # the image, make, the merge, the return op


def test_equal_ops_keep_all_that_was_said_about_them() -> None:
    group, limits = ProgressGroup("g", "group"), LinuxResources(memory=1)
    one = image("a", metadata=Metadata(name="one", locations=(at(1),), progress_group=group))
    two = image(
        "a",
        metadata=Metadata(
            description=(("k", "v"),),
            locations=(at(2), at(1)),
            ignore_cache=True,
            export_cache=False,
            linux_resources=limits,
        ),
    )
    definition = marshal(merge([one, two, image("a")]), platform=AMD64)
    name = definition.digests[0]
    entry = definition.metadata[name]
    assert entry.description == (("k", "v"), ("llb.customname", "one"))
    assert entry.ignore_cache
    assert entry.export_cache is False
    assert entry.progress_group == group
    assert entry.linux_resources == limits
    assert definition.locations[name] == (at(1), at(2))


def test_the_return_op_asks_for_what_the_metadata_of_others_uses() -> None:
    plain = marshal(image("a"), platform=AMD64)
    assert plain.metadata[plain.digests[-1]].caps == {"constraints", "platform"}
    said = Metadata(name="x", ignore_cache=True, export_cache=True)
    definition = marshal(image("a", metadata=said), platform=AMD64)
    assert definition.metadata[definition.digests[-1]].caps == {
        "constraints",
        "platform",
        "meta.description",
        "meta.exportcache",
        "meta.ignorecache",
    }


def test_metadata_is_no_part_of_the_digest() -> None:
    said = Metadata(name="x", ignore_cache=True, locations=(at(1),))
    plain = marshal(image("a").run(["make"]).root, platform=AMD64)
    named = marshal(image("a", metadata=said).run(["make"], metadata=said).root, platform=AMD64)
    assert plain.digests == named.digests


def test_the_files_of_locations_are_numbered_by_value_in_order_of_use() -> None:
    other = SourceInfo("requirements.txt", b"torch\n")
    twin = SourceInfo(CONFIG.filename, bytes(bytearray(CONFIG.data)), CONFIG.language)
    base = image("a", metadata=Metadata(locations=(at(1, other),)))
    state = base.run(["make"], metadata=Metadata(locations=(at(2), at(3, other)))).root
    state = state.file(mkdir("/x"), metadata=Metadata(locations=(at(4, twin),)))
    definition = marshal(state, platform=AMD64)
    assert definition.infos == (other, CONFIG)
    message = definition.to_pb()
    numbers = [
        [location.sourceIndex for location in message.Source.locations[name].locations]
        for name in definition.digests[:3]
    ]
    assert numbers == [[0], [1, 0], [1]]
    first = message.Source.locations[definition.digests[1]].locations[0].ranges[0]
    assert (first.start.line, first.start.character) == (2, 0)
    assert (first.end.line, first.end.character) == (2, 5)


def test_files_are_listed_in_order_of_use_whatever_the_digests_are() -> None:
    files = tuple(SourceInfo(f"file {number}", b"") for number in range(12))
    state = image("a")
    for info in files:
        said = Metadata(locations=(at(1, info),))
        state = state.run(["make", info.filename], metadata=said).root
    definition = marshal(state, platform=AMD64)
    assert definition.infos == files
    assert [message.filename for message in definition.to_pb().Source.infos] == [
        info.filename for info in files
    ]


def test_the_platform_of_a_state_wins_over_that_of_the_marshal() -> None:
    arm = Platform(os="linux", architecture="arm64")
    build = image("a").run(["make"]).root
    target = image("b", platform=arm).run(["make"]).root
    definition = marshal(merge([build, target]), platform=AMD64)
    ops = [parse_op(data) for data in definition.ops]
    platforms = [op.platform.Architecture if op.HasField("platform") else "" for op in ops]
    assert platforms == ["amd64", "amd64", "arm64", "arm64", "", ""]


def test_path_is_left_to_a_daemon_that_sets_it() -> None:
    state = image("a").with_env("A", "1").run(["make"]).root
    unknown = marshal(state, platform=AMD64)
    modern = marshal(state, platform=AMD64, caps={"exec.meta.setsdefaultpath"})
    old = marshal(state, platform=AMD64, caps=())
    assert modern.ops == unknown.ops
    assert "exec.meta.setsdefaultpath" in modern.caps - unknown.caps
    assert list(parse_op(unknown.ops[1]).exec.meta.env) == ["A=1"]
    assert list(parse_op(old.ops[1]).exec.meta.env) == [
        "A=1",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]
    own = marshal(state.with_env("PATH", "/b").run(["x"]).root, platform=AMD64, caps=())
    assert list(parse_op(own.ops[2]).exec.meta.env) == ["A=1", "PATH=/b"]


def test_a_graph_is_the_same_in_whatever_order_it_was_made() -> None:
    def first() -> State:
        base = image("a")
        left = scratch().file(copy(base, "/l", "/l"))
        right = scratch().file(copy(base, "/r", "/r"))
        return merge([left, right])

    def second() -> State:
        right = scratch().file(copy(image("a"), "/r", "/r"))
        left = scratch().file(copy(image("a"), "/l", "/l"))
        return merge([left, right])

    assert marshal(first(), platform=AMD64) == marshal(second(), platform=AMD64)


def test_mounts_may_come_in_any_order() -> None:
    mounts = [bind(f"/{name}", image(name), readonly=False) for name in "cab"]
    forward = image("x").run(["make"], mounts=mounts)
    backward = image("x").run(["make"], mounts=mounts[::-1])
    for dest in ("/a", "/b", "/c"):
        one, two = (marshal(run.output(dest), platform=AMD64) for run in (forward, backward))
        assert one == two


HASHES = """
from tests.llb.samples import AMD64, STATES
from buildkit_llb import dump, digest, marshal
for build in STATES.values():
    definition = marshal(build(), platform=AMD64)
    print(digest(definition.to_bytes()), digest(dump(definition).encode()))
"""


def test_bytes_do_not_depend_on_the_hash_seed() -> None:
    path = os.pathsep.join(filter(None, sys.path))
    printed = {
        subprocess.run(
            [sys.executable, "-c", HASHES],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1
    assert len(printed.pop().splitlines()) == len(STATES)


def test_caps_that_no_daemon_registers_are_not_even_known() -> None:
    known = {value for value in vars(_caps).values() if isinstance(value, str)}
    assert "exec.meta.base" in known
    assert not known & {"file.copy.modestring", "exec.meta.removemountstubs.recursive"}
