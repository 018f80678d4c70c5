"""Any graph: made twice it is equal, and it survives the wire and the loader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit_llb import (
    Definition,
    Location,
    Metadata,
    Owner,
    Position,
    Range,
    SourceInfo,
    State,
    bind,
    cache,
    copy,
    diff,
    dump,
    image,
    load,
    local,
    marshal,
    merge,
    mkdir,
    mkfile,
    scratch,
)
from buildkit_llb._definition import parse_op
from tests.llb.samples import AMD64


class Step(NamedTuple):
    """What to make of the states before: a kind, the numbers of two states, a text, a line."""

    kind: str
    first: int
    second: int
    text: str
    line: int


def said(step: Step) -> Metadata:
    here = Location(
        SourceInfo(f"file {step.line % 2}", b"content"),
        (Range(Position(step.line), Position(step.line + 1)),),
    )
    return Metadata(
        name=step.text, ignore_cache=step.line == 1, locations=(here,) * (step.line % 3)
    )


def exec_root(one: State, two: State, step: Step) -> State:
    mounts = [bind("/in", two, selector=step.text), cache("/c", id="c")]
    return (
        one.with_env("E", step.text).run(["x", step.text], mounts=mounts, metadata=said(step)).root
    )


def exec_output(one: State, two: State, step: Step) -> State:
    mounts = [bind("/out", two, readonly=False)]
    return one.run(["x"], mounts=mounts, metadata=said(step)).output("/out")


def file(one: State, two: State, step: Step) -> State:
    name = f"/{step.line}"
    return one.file(
        mkdir(name, parents=True),
        mkfile(f"{name}/f", step.text.encode(), owner=Owner("me", step.line)),
        copy(two, "/", f"{name}/"),
        metadata=said(step),
    )


MAKE: dict[str, Callable[[State, State, Step], State]] = {
    "image": lambda _one, _two, step: image(f"i{step.line}", metadata=said(step)),
    "local": lambda _one, _two, step: local("l", exclude=[step.text], metadata=said(step)),
    "exec": exec_root,
    "output": exec_output,
    "file": file,
    "merge": lambda one, two, step: merge([one, two, one], metadata=said(step)),
    "diff": lambda one, two, step: diff(one, two, metadata=said(step)),
}

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


def steps_of(kinds: Iterable[str], size: int) -> st.SearchStrategy[list[Step]]:
    kind, number = st.sampled_from(sorted(kinds)), st.integers(0)
    return st.lists(st.builds(Step, kind, number, number, TEXT, st.integers(0, 4)), max_size=size)


STEPS = steps_of(MAKE, 12)
# The diff of a state with itself is empty; that two states are one is lost where they are apart.
SHORT_WITHOUT_DIFF = steps_of(MAKE.keys() - {"diff"}, 7)


def build(steps: Sequence[Step]) -> State:
    """The state that the last step makes, sharing what the steps share."""
    states = [scratch()]
    for step in steps:
        one, two = states[step.first % len(states)], states[step.second % len(states)]
        states.append(MAKE[step.kind](one, two, step))
    return states[-1]


def rebuild(steps: Sequence[Step]) -> State:
    """The same state from the top down, sharing nothing."""

    def made(number: int) -> State:
        if number == 0:
            return scratch()
        step = steps[number - 1]
        two = made(step.second % number)
        return MAKE[step.kind](made(step.first % number), two, step)

    return made(len(steps))


@settings(deadline=None)
@given(STEPS)
def test_a_graph_survives_the_wire_and_the_loader(steps: list[Step]) -> None:
    definition = marshal(build(steps), platform=AMD64)
    assert Definition.from_bytes(definition.to_bytes()) == definition
    assert marshal(load(definition), platform=AMD64) == definition


@settings(deadline=None)
@given(SHORT_WITHOUT_DIFF)
def test_a_graph_is_its_ops_however_it_was_made(steps: list[Step]) -> None:
    shared = marshal(build(steps), platform=AMD64)
    apart = marshal(rebuild(steps), platform=AMD64)
    assert shared.ops == apart.ops
    assert shared.caps == apart.caps


@settings(deadline=None)
@given(STEPS)
def test_every_op_is_sent_once_after_its_inputs(steps: list[Step]) -> None:
    definition = marshal(build(steps), platform=AMD64)
    seen: set[str] = set()
    for name, data in zip(definition.digests, definition.ops, strict=True):
        assert {used.digest for used in parse_op(data).inputs} <= seen
        assert name not in seen
        seen.add(name)


@settings(deadline=None)
@given(STEPS)
def test_equal_definitions_read_equal(steps: list[Step]) -> None:
    definition = marshal(build(steps), platform=AMD64)
    text = dump(definition)
    assert text == dump(Definition.from_bytes(definition.to_bytes()))
    assert text.count("\nneeds ") == len(definition.caps)
