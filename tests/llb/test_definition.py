from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit_llb import (
    Definition,
    LinuxResources,
    LLBError,
    Location,
    Metadata,
    OpMetadata,
    Position,
    ProgressGroup,
    Range,
    SourceInfo,
    image,
    local,
    marshal,
)
from buildkit_llb.pb import ops_pb2 as pb
from tests.llb.samples import AMD64, STATES

LOADS_CONFIG = marshal(local("dockerfile"), platform=AMD64)
CONFIG = SourceInfo("cog.yaml", b"a\nb\n", "yaml", LOADS_CONFIG)
SAID = Metadata(
    name="install",
    ignore_cache=True,
    export_cache=False,
    progress_group=ProgressGroup("g", "group", weak=True),
    description=(("z", "1"), ("a", "2")),
    locations=(
        Location(CONFIG, (Range(Position(1), Position(1, 3)), Range(Position(2), Position(2)))),
        Location(SourceInfo("other", b""), ()),
    ),
    linux_resources=LinuxResources(1, 2, 3, 4, 5, "0-1", "0"),
)


def full() -> Definition:
    return marshal(image("a", metadata=SAID).run(["x"], metadata=SAID).root, platform=AMD64)


def test_everything_that_was_said_survives_the_wire() -> None:
    definition = full()
    assert Definition.from_bytes(definition.to_bytes()) == definition
    assert Definition.from_pb(definition.to_pb()) == definition
    assert definition.infos[0].definition == LOADS_CONFIG


def test_equal_definitions_are_equal_values_with_equal_bytes() -> None:
    assert full() == full()
    assert hash(full()) == hash(full())
    assert full().to_bytes() == full().to_bytes()
    assert full() != marshal(image("a"), platform=AMD64)


def test_a_definition_cannot_be_changed() -> None:
    definition = full()
    with pytest.raises(AttributeError):
        definition.ops = ()  # type: ignore[misc] # the attempt is what is tested
    with pytest.raises(TypeError):
        definition.metadata["x"] = OpMetadata()  # type: ignore[index] # as above


def test_caps_are_those_of_all_ops() -> None:
    definition = full()
    assert definition.caps == frozenset().union(
        *(entry.caps for entry in definition.metadata.values())
    )
    assert {"source.image", "exec.meta.base", "platform"} <= definition.caps


def test_entries_that_say_nothing_are_left_out() -> None:
    message = marshal(image("a"), platform=AMD64).to_pb()
    given = Definition.from_pb(message)
    message.metadata["sha256:0"].SetInParent()
    message.Source.locations["sha256:0"].SetInParent()
    assert Definition.from_pb(message) == given


def test_a_cap_that_is_off_is_no_cap() -> None:
    message = pb.OpMetadata(caps={"on": True, "off": False})
    assert OpMetadata.from_pb(message).caps == {"on"}


def test_the_empty_definition_is_empty_on_the_wire() -> None:
    assert Definition.from_bytes(b"") == Definition()
    assert Definition().to_pb() == pb.Definition()


@pytest.mark.parametrize("index", [-1, 2, 2**31 - 1])
def test_a_location_outside_the_files_is_refused(index: int) -> None:
    message = full().to_pb()
    found = next(iter(message.Source.locations.values()))
    found.locations[0].sourceIndex = index
    with pytest.raises(LLBError, match=f"location is in file {index} of 2"):
        Definition.from_pb(message)


def test_a_location_in_a_file_that_is_not_listed_is_refused() -> None:
    with pytest.raises(LLBError, match="no file of the definition"):
        Definition(locations={"sha256:0": (Location(CONFIG, ()),)})


@pytest.mark.parametrize(
    "span",
    [
        Range(Position(2), Position(1)),
        Range(Position(1, 5), Position(1, 4)),
        Range(Position(-1), Position(1)),
        Range(Position(1), Position(1, -1)),
    ],
)
def test_a_range_goes_forward(span: Range) -> None:
    with pytest.raises(LLBError, match=r"cog[.]yaml: a "):
        Location(CONFIG, (span,))


def test_bytes_that_are_no_definition_are_refused() -> None:
    with pytest.raises(LLBError, match="definition of 3 bytes cannot be read"):
        Definition.from_bytes(b"\xff\xff\xff")


@settings(deadline=None)
@given(st.sampled_from(sorted(STATES)), st.data())
def test_a_damaged_definition_is_refused_or_read(name: str, data: st.DataObject) -> None:
    good = marshal(STATES[name](), platform=AMD64).to_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
    try:
        given = Definition.from_bytes(bad)
    except LLBError:
        return
    assert Definition.from_bytes(given.to_bytes()) == given
