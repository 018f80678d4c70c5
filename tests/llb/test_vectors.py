"""Our bytes are those of BuildKit's own client, op by op."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from buildkit_llb import Definition, OpMetadata, digest, dump, load, marshal
from tests.llb.samples import AMD64, STATES

VECTORS = Path(__file__).parent / "vectors"

# Go forgets these: it looks for them before the op has any action, and never asks for subdir.
# A daemon that lacks the feature then refuses the op by name and does not misread it.
DECLARED_BY_US_ONLY = {
    "file_chain": {"file.symlink.create"},
    "git": {"source.git.subdir"},
}


class GoOp(NamedTuple):
    data: bytes
    digest: str
    metadata: OpMetadata


def read_vector(name: str) -> list[GoOp]:
    rows = json.loads((VECTORS / f"{name}.json").read_text())
    return [
        GoOp(
            bytes.fromhex(row["hex"]),
            row["digest"],
            OpMetadata(
                ignore_cache=row.get("ignore_cache", False),
                description=tuple(sorted(row.get("description", {}).items())),
                caps=frozenset(row["caps"]),
            ),
        )
        for row in rows
    ]


def test_there_is_a_graph_for_every_vector() -> None:
    assert {path.stem for path in VECTORS.glob("*.bin")} == STATES.keys()


@pytest.mark.parametrize("name", STATES)
def test_op_bytes_are_those_of_go(name: str) -> None:
    definition = marshal(STATES[name](), platform=AMD64)
    assert [op.hex() for op in definition.ops] == [op.data.hex() for op in read_vector(name)]


@pytest.mark.parametrize("name", STATES)
def test_digests_are_those_of_go(name: str) -> None:
    definition = marshal(STATES[name](), platform=AMD64)
    assert list(definition.digests) == [op.digest for op in read_vector(name)]
    assert [digest(op) for op in definition.ops] == list(definition.digests)


@pytest.mark.parametrize("name", STATES)
def test_metadata_is_that_of_go_and_names_every_cap_that_is_used(name: str) -> None:
    definition = marshal(STATES[name](), platform=AMD64)
    extra: set[str] = set()
    for op in read_vector(name):
        entry = definition.metadata[op.digest]
        extra |= entry.caps - op.metadata.caps
        assert entry.caps >= op.metadata.caps
        assert entry._replace(caps=op.metadata.caps) == op.metadata
    assert extra == DECLARED_BY_US_ONLY.get(name, set())


@pytest.mark.parametrize("name", STATES)
def test_a_definition_of_go_goes_through_a_graph_unchanged(name: str) -> None:
    given = Definition.from_bytes((VECTORS / f"{name}.bin").read_bytes())
    assert marshal(load(given), platform=AMD64) == given
    assert list(given.digests) == [op.digest for op in read_vector(name)]


@pytest.mark.parametrize("name", STATES)
def test_a_definition_of_go_reads_like_ours(name: str) -> None:
    given = Definition.from_bytes((VECTORS / f"{name}.bin").read_bytes())
    declared = {f"needs {cap}" for cap in DECLARED_BY_US_ONLY.get(name, set())}
    ours = dump(marshal(STATES[name](), platform=AMD64)).splitlines()
    assert [line for line in ours if line not in declared] == dump(given).splitlines()
