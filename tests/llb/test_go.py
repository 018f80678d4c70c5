"""Beside Go: what BuildKit's own client and parsers made of the same graphs and texts.

``tools/golden_vectors`` writes what is compared with here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from buildkit_llb import (
    Definition,
    LLBError,
    Platform,
    State,
    bind,
    copy,
    dump,
    git,
    image,
    load,
    local,
    marshal,
    mkdir,
    rm,
    scratch,
    validate,
)
from buildkit_llb._definition import parse_op
from buildkit_llb._errors import check_digest
from buildkit_llb.pb import ops_pb2 as pb
from tests.llb.go_samples import SAMPLES
from tests.llb.samples import AMD64
from tests.llb.test_vectors import VECTORS, read_vector

GO = VECTORS / "v0.25"
TABLES: dict[str, list[dict[str, Any]]] = json.loads((GO / "tables.json").read_text())


def go_definition(name: str) -> Definition:
    return Definition.from_bytes((GO / f"{name}.bin").read_bytes())


def test_there_is_a_graph_for_every_vector() -> None:
    assert {path.stem for path in GO.glob("*.bin")} == SAMPLES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_op_bytes_are_those_of_go(name: str) -> None:
    ours, vector = SAMPLES[name].definition(), read_vector(f"v0.25/{name}")
    assert dump(ours).split("\nneeds")[0] == dump(go_definition(name)).split("\nneeds")[0]
    assert [op.hex() for op in ours.ops] == [op.data.hex() for op in vector]
    assert list(ours.digests) == [op.digest for op in vector]


@pytest.mark.parametrize("name", SAMPLES)
def test_all_else_is_that_of_go_and_names_every_cap_that_is_used(name: str) -> None:
    ours, go = SAMPLES[name].definition(), go_definition(name)
    assert ours.locations == go.locations
    assert set(ours.infos) == set(go.infos)
    assert ours.caps - go.caps == SAMPLES[name].ours_only
    for digest in ours.digests:
        entry = ours.metadata[digest]
        assert entry.caps >= go.metadata[digest].caps
        assert entry._replace(caps=frozenset()) == go.metadata[digest]._replace(caps=frozenset())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_definition_of_go_goes_through_a_graph_unchanged(name: str) -> None:
    validate(go_definition(name), caps=go_definition(name).caps)
    again = marshal(load(go_definition(name)), platform=AMD64)
    assert again.ops == go_definition(name).ops


def first_op(state: State) -> pb.Op:
    return parse_op(marshal(state, platform=AMD64).ops[-2])


def reference(given: str) -> str:
    return first_op(image(given)).source.identifier.removeprefix("docker-image://")


def platform(given: str) -> list[str]:
    made = Platform.parse(given)
    return [made.os, made.architecture, made.variant, made.os_version]


def is_digest(given: str) -> bool:
    try:
        check_digest("it", given)
    except LLBError:
        return False
    return True


def remote(given: str) -> list[str]:
    source = first_op(git(given, known_ssh_hosts="k")).source
    url, sock = source.attrs["git.fullurl"], source.attrs.get("git.mountsshsock", "")
    return [source.identifier, url, sock]


def paths(given: list[str]) -> dict[str, str]:
    cwd, path = given
    base = scratch().with_cwd(cwd)
    made = first_op(base.file(mkdir(path), copy(image("a").with_cwd(cwd), path, path), rm(path)))
    ran = first_op(image("a").with_cwd(cwd).with_cwd(path).run(["x"]).root)
    one, two, three = made.file.actions
    return {
        "path": one.mkdir.path,
        "src": two.copy.src,
        "dest": two.copy.dest,
        "rm": three.rm.path,
        "cwd": ran.exec.meta.cwd,
    }


def mounts(given: list[str]) -> list[list[Any]]:
    mounted = [bind(dest, scratch(), readonly=False) for dest in given]
    made = first_op(image("a").run(["x"], mounts=mounted).root)
    return [[mount.dest, mount.output] for mount in made.exec.mounts]


def env(given: list[list[str]]) -> list[str] | None:
    state = image("a")
    for name, value in given:
        state = state.with_env(name, value)
    return list(first_op(state.run(["x"]).root).exec.meta.env) or None


def host(given: str) -> str:
    return (
        first_op(image("a").run(["x"], extra_hosts=[("h", given)]).root).exec.meta.extraHosts[0].IP
    )


def patterns(given: list[str]) -> str:
    return first_op(local("x", include=given)).source.attrs["local.includepattern"]


READ: dict[str, Callable[[Any], Any]] = {
    "references": reference,
    "platforms": platform,
    "digests": is_digest,
    "git": remote,
    "paths": paths,
    "mounts": mounts,
    "env": env,
    "hosts": host,
    "lists": patterns,
}


@pytest.mark.parametrize("table", TABLES)
def test_texts_are_read_as_go_reads_them(table: str) -> None:
    differ = {}
    for row in TABLES[table]:
        try:
            ours = READ[table](row["in"])
        except LLBError:
            ours = None
        if ours != row["out"]:
            differ[str(row["in"])] = (ours, row["out"])
    assert differ == {}
