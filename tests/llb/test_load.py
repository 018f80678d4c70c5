from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit_llb import (
    Definition,
    LinuxResources,
    LLBError,
    Location,
    Metadata,
    Output,
    Position,
    ProgressGroup,
    Range,
    SourceInfo,
    State,
    bind,
    copy,
    digest,
    dump,
    image,
    load,
    marshal,
    merge,
    scratch,
)
from buildkit_llb._definition import parse_op
from buildkit_llb._graph import Edge, encode_op
from buildkit_llb.pb import ops_pb2 as pb
from tests.llb.samples import AMD64, STATES, context

HERE = Location(SourceInfo("x", b"1\n2\n"), (Range(Position(2), Position(2)),))


def test_nothing_is_the_empty_tree() -> None:
    assert load(Definition()) == scratch()


def test_a_loaded_state_starts_without_environment() -> None:
    state = load(marshal(image("a").with_env("A", "1").with_cwd("/x"), platform=AMD64))
    assert (state.env, state.cwd, state.user, state.platform) == ((), "/", "", None)


def test_everything_that_was_said_is_kept() -> None:
    said = Metadata(
        name="a",
        ignore_cache=True,
        export_cache=False,
        progress_group=ProgressGroup("g", "group"),
        description=(("k", "v"),),
        locations=(HERE,),
        linux_resources=LinuxResources(memory=1),
    )
    definition = marshal(image("a").run(["x"], metadata=said).root, platform=AMD64)
    assert marshal(load(definition), platform=AMD64) == definition


def test_the_output_that_is_returned_is_kept() -> None:
    run = image("a").run(["x"], mounts=[bind("/o", scratch(), readonly=False)])
    state = load(marshal(run.output("/o"), platform=AMD64))
    assert state.output is not None
    assert state.output.index == 1


def test_a_loaded_graph_goes_on_as_a_graph_of_ours_would() -> None:
    def go_on(state: State) -> Definition:
        return marshal(state.run(["more"], mounts=[bind("/c", context())]).root, platform=AMD64)

    built = image("a").file(copy(context(), "/", "/src/"))
    assert go_on(load(marshal(built, platform=AMD64))) == go_on(built)


def test_two_definitions_share_what_they_have_in_common() -> None:
    said = Metadata(name="a", locations=(HERE,))
    one = marshal(image("a", metadata=said).run(["one"]).root, platform=AMD64)
    two = marshal(image("a").run(["two"]).root, platform=AMD64)
    definition = marshal(merge([load(one), load(two)]), platform=AMD64)
    assert len(definition.ops) == 5  # one image, two execs, the merge, the return op
    assert definition.metadata[definition.digests[0]] == one.metadata[one.digests[0]]
    assert definition.locations == one.locations


def test_bytes_of_another_encoder_are_kept() -> None:
    op = pb.Op(constraints=pb.WorkerConstraints())
    op.source.identifier = "docker-image://docker.io/library/a:latest"
    data = op.SerializeToString()  # ascending field numbers, not Go's order
    assert data != marshal(image("a"), platform=AMD64).ops[0]
    end = pb.Op(inputs=[pb.Input(digest=digest(data))]).SerializeToString()
    state = load(Definition(ops=(data, end)))
    assert marshal(state, platform=AMD64).ops == (data, end)


def test_the_order_of_the_ops_does_not_matter() -> None:
    definition = marshal(STATES["merge_diff"](), platform=AMD64)
    *ops, end = definition.ops
    shuffled = Definition(ops=(*ops[::-1], end), metadata=definition.metadata)
    assert marshal(load(shuffled), platform=AMD64) == definition


def test_ops_that_nothing_uses_are_dropped() -> None:
    definition = marshal(image("a"), platform=AMD64)
    other = marshal(image("b"), platform=AMD64)
    more = Definition(ops=(other.ops[0], *definition.ops), metadata=definition.metadata)
    assert marshal(load(more), platform=AMD64) == definition


SOURCE = encode_op((), pb.Op(source=pb.SourceOp(identifier="local://x")))
ROOT = pb.Mount(dest="/")
FIRST = pb.FileAction(input=-1, secondaryInput=-1)


def end(data: bytes, index: int = 0) -> bytes:
    return pb.Op(inputs=[pb.Input(digest=digest(data), index=index)]).SerializeToString()


def one(op: pb.Op) -> tuple[bytes, ...]:
    data = encode_op((), op)
    return data, end(data)


def changed(data: bytes) -> bytes:
    """A file op on the output of ``data``."""
    return encode_op([Edge(digest(data), 0)], pb.Op(file=pb.FileOp(actions=[pb.FileAction()])))


REFUSED: dict[str, Callable[[], tuple[bytes, ...]]] = {
    "one op only": lambda: (SOURCE,),
    "cannot be read": lambda: (b"\xff", end(b"\xff")),
    "not a return op": lambda: (SOURCE, changed(SOURCE)),
    "last op of the definition": lambda: (SOURCE, b""),
    "lacks an op that is an input": lambda: (SOURCE, end(b"another")),
    "uses output -1": lambda: (SOURCE, end(SOURCE, -1)),
    "lacks a kind that is known": lambda: (end(SOURCE), SOURCE, end(end(SOURCE))),
    "lacks args": lambda: one(pb.Op(exec=pb.ExecOp(meta=pb.Meta(cwd="/"), mounts=[ROOT]))),
    "lacks a mount at /": lambda: one(pb.Op(exec=pb.ExecOp(meta=pb.Meta(args=["x"])))),
    "exec sha256:": lambda: one(
        pb.Op(
            exec=pb.ExecOp(meta=pb.Meta(args=["x"], cwd="/"), mounts=[pb.Mount(dest="/", input=1)])
        )
    ),
    "uses input -2 of 0": lambda: one(
        pb.Op(file=pb.FileOp(actions=[pb.FileAction(input=-2, secondaryInput=-1)]))
    ),
    "uses input 1 of 1": lambda: one(
        pb.Op(file=pb.FileOp(actions=[FIRST, pb.FileAction(input=1, secondaryInput=-1)]))
    ),
    "merge sha256:": lambda: one(pb.Op(merge=pb.MergeOp(inputs=[pb.MergeInput(input=0)]))),
    "diff sha256:": lambda: one(pb.Op(diff=pb.DiffOp())),
    "lacks actions": lambda: one(pb.Op(file=pb.FileOp())),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_the_daemon_would_refuse_is_refused(message: str) -> None:
    with pytest.raises(LLBError) as caught:
        load(Definition(ops=REFUSED[message]()))
    assert message in str(caught.value)


@settings(deadline=None)
@given(st.sampled_from(sorted(STATES)), st.data())
def test_a_damaged_op_is_refused_or_read(name: str, data: st.DataObject) -> None:
    definition = marshal(STATES[name](), platform=AMD64)
    good = definition.ops[0]
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
    damaged = Definition(ops=(bad, end(bad)))
    try:
        state = load(damaged)
        text = dump(damaged)
    except LLBError:
        return
    assert marshal(state, platform=AMD64).ops == damaged.ops
    assert text.startswith("1 ")
    assert text.endswith("\nreturn 1\n")


def test_loaded_ops_are_nodes_like_any_other() -> None:
    state = load(marshal(image("a"), platform=AMD64))
    assert isinstance(state.output, Output)
    assert parse_op(marshal(state, platform=AMD64).ops[0]).source.identifier.endswith("a:latest")
