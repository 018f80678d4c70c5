from __future__ import annotations

import pytest

from buildkit_llb import LLBError, State, bind, diff, image, marshal, merge, scratch
from buildkit_llb._definition import parse_op
from buildkit_llb._merge import MergeOp
from buildkit_llb.pb import ops_pb2 as pb
from tests.llb.samples import AMD64


def last_op(state: State) -> pb.Op:
    return parse_op(marshal(state, platform=AMD64).ops[-2])


def test_a_merge_needs_two_trees() -> None:
    one = image("a").with_env("A", "1")
    assert merge([]) == scratch()
    assert merge([scratch(), scratch()]) == scratch()
    assert merge([scratch(), one, scratch()]) is one
    with pytest.raises(LLBError, match="merge needs two inputs"):
        MergeOp(())


def test_a_merge_has_the_environment_of_its_first_tree() -> None:
    merged = merge([scratch().with_cwd("/x"), image("a").with_env("A", "1"), image("b")])
    assert (merged.env, merged.cwd) == ((("A", "1"),), "/")


def test_every_input_of_a_merge_has_a_number_of_its_own() -> None:
    op = last_op(merge([image("a"), image("b"), image("a")]))
    assert [entry.input for entry in op.merge.inputs] == [0, 1, 2]
    assert op.inputs[0] == op.inputs[2]
    assert not op.HasField("platform")


def test_the_diff_to_nothing_is_the_tree_itself() -> None:
    one = image("a")
    assert diff(scratch(), one) is one
    assert diff(scratch(), scratch()) == scratch()


def test_the_diff_of_equal_trees_is_nothing() -> None:
    one = image("a")
    assert diff(one, one.with_env("A", "1")) == scratch()
    run = one.run(["x"], mounts=[bind("/o", scratch(), readonly=False)])
    assert diff(run.root, run.root) == scratch()
    assert diff(run.root, run.output("/o")) != scratch()


def test_a_diff_starts_without_environment() -> None:
    base = image("a").with_env("A", "1").with_cwd("/x")
    assert diff(base, base.run(["x"]).root).env == ()


@pytest.mark.parametrize(
    ("lower", "upper", "numbers"),
    [(image("a"), image("b"), (0, 1)), (image("a"), scratch(), (0, -1))],
)
def test_a_diff_numbers_the_trees_that_are_there(
    lower: State, upper: State, numbers: tuple[int, int]
) -> None:
    op = last_op(diff(lower, upper))
    assert (op.diff.lower.input, op.diff.upper.input) == numbers
    assert len(op.inputs) == sum(number >= 0 for number in numbers)
