"""Where the config and the project come from: folders, a repository, the web, other builds."""

from __future__ import annotations

import io
import tarfile

import pytest

from buildkit_llb import Definition, Platform, local, marshal, mkfile, scratch
from cog_frontend.build_args import without_effect
from cog_frontend.options import read_options
from tests.fakes.caps import MODERN
from tests.frontend.test_cases import frontend, graph
from tests.frontend.test_session import GOOD, PREDICT, error

LINUX = Platform(os="linux", architecture="amd64")
REPOSITORY = "git://example.com/x.git"
PROJECT = {**GOOD, "notes.txt": b"n", "big.bin": b"b", ".dockerignore": b"*.bin\n"}


def tar(files: dict[str, bytes], mode: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]  # text
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def tree(files: dict[str, bytes]) -> Definition:
    actions = [mkfile(f"/{name}", data) for name, data in files.items()]
    return marshal(scratch().file(*actions), platform=LINUX)


def in_image(**build: object) -> set[str]:
    options = build.pop("options", {})
    bridge = frontend({}, options, **build)  # type: ignore[arg-type]  # by name
    files = bridge.tree().files
    assert files["src/predict.py"] == PREDICT
    return {name.removeprefix("src/") for name in files if name.startswith("src/")}


EXPECTED = {"cog.yaml", "predict.py", "notes.txt", ".dockerignore", ".cog/openapi_schema.json"}


def test_config_and_project_of_a_repository() -> None:
    found = in_image(
        options={"context": "https://example.com/x.git#v1:models/a"},
        remotes={f"{REPOSITORY}#v1:models/a": PROJECT},
    )
    assert found == EXPECTED


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_config_and_project_of_an_archive(mode: str) -> None:
    url = "https://example.com/x.tar"
    found = in_image(options={"context": url}, remotes={url: {"context": tar(PROJECT, mode)}})
    assert found == EXPECTED


def test_a_file_of_the_web_is_the_config() -> None:
    url = "https://example.com/cog.yaml"
    bridge = frontend({}, {"context": url}, remotes={url: {"context": b"build: {gpu: nope}\n"}})
    assert bridge.error.message.startswith("context:1:")


def test_a_config_apart_from_a_remote_project() -> None:
    bridge = frontend(
        {**GOOD, "cog.yaml": GOOD["cog.yaml"] + b"# local\n"},
        {"context": "https://example.com/x.git", "dockerfilekey": "dockerfile"},
        remotes={REPOSITORY: {**PROJECT, "cog.yaml": b"wrong: true\n"}},
    )
    assert bridge.tree().files["src/cog.yaml"].endswith(b"# local\n")


def test_a_subfolder_of_a_remote_project() -> None:
    below = {f"sub/{name}": data for name, data in PROJECT.items()}
    found = in_image(
        options={"context": "https://example.com/x.git", "contextsubdir": "sub"},
        remotes={REPOSITORY: {**below, "cog.yaml": GOOD["cog.yaml"]}},
    )
    assert found == EXPECTED


def test_trees_that_another_build_hands_in() -> None:
    found = in_image(inputs={"dockerfile": tree(GOOD), "context": tree(PROJECT)})
    assert found == EXPECTED


def test_other_inputs_leave_the_clients_folders() -> None:
    bridge = frontend(PROJECT, inputs={"weights": tree({"w": b"w"})})
    assert bridge.result.ref.id


def test_an_input_that_is_no_graph_is_refused() -> None:
    broken = Definition(ops=(b"\x08",), metadata={})
    assert "what the client handed in" in frontend({}, inputs={"context": broken}).error.message


def test_the_clients_folders_have_names_and_sessions() -> None:
    bridge = frontend(
        {},
        {
            "contextkey": "here",
            "dockerfilekey": "there",
            "local-sessionid:here": "session9",
        },
        more={"here": PROJECT, "there": GOOD},
    )
    text = graph(bridge)
    assert bridge.result.ref.id
    assert "local://here" in text
    assert "session9" in text


def test_git_dirs_are_kept_where_the_client_says_so() -> None:
    url, identifier = "https://example.com/x.git", REPOSITORY
    remotes = {identifier: {**PROJECT, ".git/HEAD": b"ref"}}
    assert ".git/HEAD" not in in_image(options={"context": url}, remotes=remotes)
    kept = {"context": url, "build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR": "1"}
    assert ".git/HEAD" in in_image(options=kept, remotes=remotes)


def test_the_state_of_cogkit_never_enters_an_image() -> None:
    files = {**PROJECT, ".cog/x": b"", ".git/HEAD": b"", ".dockerignore": b"!.cog\n!.git\n"}
    names = frontend(files).tree().files
    assert "src/.cog/x" not in names
    assert "src/.git/HEAD" not in names


def test_an_ignore_file_of_the_config_wins() -> None:
    files = {**PROJECT, "cog.yaml.dockerignore": b"notes.txt\n"}
    names = frontend(files).tree().files
    assert "src/big.bin" in names
    assert "src/notes.txt" not in names


def test_build_arguments_without_effect_are_named() -> None:
    given = {
        "HTTPS_PROXY": "http://p",
        "no_proxy": "x",
        "BUILDKIT_SYNTAX": "x",
        "COGKIT_TOOLBOKS": "x",
        "CUDA": "12",
        "BUILDKIT_SBOM_SCAN_CONTEXT": "true",
    }
    options = {f"build-arg:{name}": value for name, value in given.items()}
    expected = (
        "build argument BUILDKIT_SBOM_SCAN_CONTEXT has no effect: the scanner sees the whole image",
        "build argument COGKIT_TOOLBOKS has no effect (did you mean 'COGKIT_TOOLBOX'?)",
        "build argument CUDA has no effect (set `environment` in cog.yaml)",
    )
    assert without_effect(read_options(options)) == expected
    shown = [each.short.decode() for each in frontend(GOOD, options).warnings]
    assert [text for text in shown if text.startswith("build argument")] == list(expected)


def test_capabilities_that_are_not_known_are_refused() -> None:
    known = "moby.buildkit.frontend.contexts+forward,moby.buildkit.frontend.subrequests"
    assert frontend(GOOD, {"frontend.caps": known}).result.ref.id
    status = frontend(GOOD, {"frontend.caps": f"{known},moby.buildkit.frontend.mirrors"}).error
    assert status.code == 12
    assert "moby.buildkit.frontend.mirrors" in status.message
    assert status.details[0].type_url.endswith("errdefs.FrontendCap+json")


def test_the_time_of_a_build_reaches_the_exporter() -> None:
    given = {"build-arg:SOURCE_DATE_EPOCH": "0"}
    assert frontend(GOOD, given).result.metadata["source.date.epoch"] == b"0"
    two = {**given, "platform": "linux/amd64,linux/arm64"}
    assert frontend(GOOD, two).result.metadata["source.date.epoch/linux/arm64"] == b"0"


def test_limits_of_commands_reach_them() -> None:
    limits = {"memory": "1000000", "memswap": "-1", "cpusetcpus": "0-1,3", "cpushares": "5"}
    newer = MODERN.with_caps("exec.meta.linux.resources")
    bridge = frontend(GOOD, limits, caps=newer)
    found = [
        each.linux_resources
        for each in bridge.solves[-1].definition.metadata.values()
        if each.linux_resources
    ]
    assert found
    assert (found[0].memory, found[0].memory_swap, found[0].cpuset_cpus) == (10**6, -1, "0-1,3")


def test_a_local_folder_and_its_frontend_share_the_vertex_of_the_config() -> None:
    first = frontend(GOOD).solves[0].definition
    shared = local(
        "dockerfile",
        session_id="session1",
        follow=("cog.yaml", "cog.yaml.dockerignore"),
        shared_key_hint="dockerfile",
        differ="none",
    )
    assert first.head == marshal(shared, platform=LINUX).head


def test_an_error_in_the_options_is_one_line() -> None:
    assert error(GOOD, {"context": "x y"}) == (
        "option context=x y is no URL of a repository or a file"
    )
