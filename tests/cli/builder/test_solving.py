"""A request in BuildKit's words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cog_cli.build import BuildRequest, Cache, Frontend, Output
from cog_cli.builder.filesend import ToFile, ToFolder
from cog_cli.builder.solving import (
    exports,
    folders,
    frontend_options,
    refuse_local_caches,
    solve_request,
    with_default_provenance,
    with_github_cache,
)
from cog_cli.errors import UsageProblem

CWD = Path("/w")
IN_PROCESS = Frontend(image="f:1", in_process=True)


def request(**fields: Any) -> BuildRequest:
    given = {"file": CWD / "p" / "cog.yaml", "context": CWD / "p", "tags": ("a", "b")}
    return BuildRequest(**{**given, "frontend": IN_PROCESS, **fields})


def test_the_options_are_those_that_buildx_gives() -> None:
    found = frontend_options(
        request(
            no_cache=True,
            target="base",
            platforms=("linux/amd64", "linux/arm64"),
            build_args=(("A", "1"),),
            labels=(("l", "2"),),
            named=(("img", "docker-image://x"), ("w", "weights"), ("context", "other")),
            cache_from=(Cache(type="registry", attributes=(("ref", "r"),)),),
            attestations={"sbom": "generator=g", "provenance": None},
        ),
        moby=True,
    )
    assert json.loads(found.pop("cache-imports")) == [{"Type": "registry", "Attrs": {"ref": "r"}}]
    assert found == {
        "filename": "cog.yaml",
        "source": "f:1",
        "no-cache": "",
        "target": "base",
        "platform": "linux/amd64,linux/arm64",
        "build-arg:A": "1",
        "label:l": "2",
        "context:img": "docker-image://x",
        "context:w": "local:w",
        "context:context": "local:_context",
        "attest:sbom": "generator=g",
        "image-resolve-mode": "local",
    }


def test_images_are_looked_for_where_the_builder_keeps_them() -> None:
    assert "image-resolve-mode" not in frontend_options(request(), moby=False)
    assert frontend_options(request(pull=True), moby=True)["image-resolve-mode"] == "pull"


def test_named_folders_are_offered(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    found = folders(request(named=(("w", "weights"), ("i", "docker-image://x"))), tmp_path)
    assert found == {"context": CWD / "p", "dockerfile": CWD / "p", "w": tmp_path / "weights"}
    with pytest.raises(UsageProblem, match="no such folder"):
        folders(request(named=(("w", "none"),)), tmp_path)
    with pytest.raises(UsageProblem, match="--via buildx"):
        frontend_options(request(named=(("w", "oci-layout://x"),)), moby=False)


def kinds(*outputs: Output, moby: bool, **fields: Any) -> list[tuple[str, dict[str, str]]]:
    found = exports(request(outputs=outputs, **fields), moby=moby, cwd=CWD)
    return [(each.Type, dict(each.Attrs)) for each in found.exporters]


LOAD = Output(type="docker")
PUSH = Output(type="image", attributes=(("push", "true"),))


def test_an_engine_keeps_images_itself() -> None:
    assert kinds(LOAD, moby=True) == [("moby", {"name": "a,b"})]
    assert kinds(PUSH, LOAD, moby=True) == [("moby", {"name": "a,b", "push": "true"})]
    assert exports(request(), moby=True, cwd=CWD).loads == frozenset()


def test_elsewhere_images_are_loaded_or_kept() -> None:
    assert kinds(LOAD, moby=False) == [("docker", {"name": "a,b"})]
    assert kinds(PUSH, moby=False) == [("image", {"name": "a,b", "push": "true"})]
    assert exports(request(outputs=(PUSH, LOAD)), moby=False, cwd=CWD).loads == {1}


def test_results_go_to_files_and_folders() -> None:
    outputs = (
        Output(type="local", destination="out"),
        Output(type="oci", destination="x.tar"),
        Output(type="tar", destination="-"),
    )
    found = exports(request(outputs=outputs), moby=True, cwd=CWD)
    assert [each.Type for each in found.exporters] == ["local", "oci", "tar"]
    assert found.destinations == {
        0: ToFolder(CWD / "out"),
        1: ToFile(CWD / "x.tar"),
        2: ToFile(Path("-")),
    }


def test_annotations_belong_to_images() -> None:
    notes = (("annotation.k", "v"),)
    assert kinds(PUSH, moby=False, annotations=notes)[0][1]["annotation.k"] == "v"
    local = Output(type="local", destination="out")
    assert kinds(local, moby=False, annotations=notes) == [("local", {})]


def test_the_solve_names_no_frontend_where_this_process_is_it() -> None:
    one = request(cache_to=(Cache(type="inline"),))
    exported = exports(one, moby=True, cwd=CWD)
    message = solve_request(one, {"k": "v"}, exported, ref="r", session="s")
    assert (message.Ref, message.Session, message.Frontend) == ("r", "s", "")
    assert [each.Type for each in message.Cache.Exports] == ["inline"]
    assert message.ExporterDeprecated == "moby"
    other = request(frontend=Frontend(image="x", in_process=False))
    assert solve_request(other, {}, exported, ref="r", session="s").Frontend == "gateway.v0"
    assert frontend_options(other, moby=True)["source"] == "x"


def test_githubs_cache_gets_what_its_runner_says() -> None:
    env = {"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_CACHE_URL": "u"}
    one = request(cache_to=(Cache(type="gha", attributes=(("url", "mine"),)), Cache(type="inline")))
    gha, inline = with_github_cache(one, env).cache_to
    assert dict(gha.attributes) == {"url": "mine", "token": "t"}
    assert inline.attributes == ()


def test_what_only_buildx_can_do_is_said() -> None:
    with pytest.raises(UsageProblem, match="--via buildx"):
        refuse_local_caches(request(cache_from=(Cache(type="local"),)))


def test_the_least_provenance_is_told_unless_something_else_was_said() -> None:
    least = {"provenance": "mode=min,inline-only=true"}
    assert with_default_provenance(request(), {}).attestations == least
    off = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    assert with_default_provenance(request(), off).attestations == {}
    chosen: dict[str, str | None] = {"provenance": None}
    assert with_default_provenance(request(attestations=chosen), {}).attestations == chosen
