from __future__ import annotations

import json
from pathlib import Path

import pytest

from cog_cli.build import BuildRequest, Cache, Frontend, Output, choose_frontend
from cog_cli.buildx import read_digest
from cog_cli.project import default_image, find
from cog_frontend.version import FRONTEND
from tests.cli.conftest import World

CONFIG = 'build:\n  python_version: "3.12"\n'


def request(world: World) -> BuildRequest:
    (found,) = world.builder.requests
    return found


def buildx(world: World) -> str:
    (call,) = [call for call in world.docker.calls if call[0] == "buildx"]
    return " ".join(call)


def test_over_buildx_a_build_is_one_call_with_the_frontend_of_this_version(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    assert world.cog("build", "-t", "mine:1", "--via", "buildx") == 0
    call = buildx(world)
    assert call.startswith(f"buildx build --file {world.folder}/cog.yaml --tag mine:1 ")
    assert f"--build-arg BUILDKIT_SYNTAX={FRONTEND}" in call
    assert "--output type=docker" in call
    assert "--attest" not in call  # an engine without the containerd store refuses all of them
    assert call.endswith(f" {world.folder}")


def test_the_result_is_on_stderr(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write("cog.yaml", CONFIG)
    world.cog("build", "-t", "mine")
    assert capsys.readouterr().out == ""
    assert world.stderr == "Image built as mine\n"


def test_files_are_not_called_an_image(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    assert world.cog("build", "-o", "out") == 0
    assert world.stderr == "Built\n"


def test_for_a_program_the_result_is_json_on_stdout(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write("cog.yaml", CONFIG)
    assert world.cog("build", "-t", "mine", "--output", "json") == 0
    assert json.loads(capsys.readouterr().out) == {"image": "mine", "digest": "sha256:abc"}
    assert world.stderr == ""


ALL_OPTIONS = (
    "-t a -t b --no-cache --pull --progress plain --target t --builder b1 --secret id=x,src=y "
    "--ssh default --platform linux/amd64,linux/arm64 --push --cache-from r/c "
    "--cache-to type=inline --build-arg A=1 --label l=1 --annotation index:k=v --annotation k=v "
    "--build-context w=/w --sbom true --provenance mode=max --metadata-file m.json "
    "-o type=local,dest=out --separate-weights"
)


def test_every_option_reaches_buildx(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    assert world.cog("build", *ALL_OPTIONS.split(), "--via", "buildx") == 0
    call = buildx(world)
    for part in (
        "--tag a --tag b",
        "--no-cache",
        "--pull",
        "--progress plain",
        "--target t",
        "--builder b1",
        "--secret id=x,src=y",
        "--ssh default",
        "--platform linux/amd64,linux/arm64",
        "--output type=image,push=true",
        "--output type=local,dest=out",
        "--cache-from type=registry,ref=r/c",
        "--cache-to type=inline",
        "--build-arg COGKIT_SEPARATE_WEIGHTS=true --build-arg A=1",
        "--label l=1",
        "--annotation index:k=v --annotation manifest:k=v",
        "--build-context w=/w",
        "--attest=type=sbom",
        "--attest=type=provenance,mode=max",
        f"--metadata-file {world.folder}/m.json",
    ):
        assert part in call
    assert "type=docker" not in call


def test_every_option_reaches_the_builder_here(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    assert world.cog("build", *ALL_OPTIONS.split()) == 0
    assert world.docker.calls == []
    got = request(world)
    assert got.tags == ("a", "b")
    assert (got.no_cache, got.pull, got.progress, got.target) == (True, True, "plain", "t")
    assert (got.builder, got.secrets, got.ssh) == ("b1", ("id=x,src=y",), ("default",))
    assert got.platforms == ("linux/amd64", "linux/arm64")
    assert got.outputs == (
        Output(type="local", destination="out"),
        Output(type="image", attributes=(("push", "true"),)),
    )
    assert got.cache_from == (Cache(type="registry", attributes=(("ref", "r/c"),)),)
    assert got.cache_to == (Cache(type="inline"),)
    assert got.build_args == (("COGKIT_SEPARATE_WEIGHTS", "true"), ("A", "1"))
    assert (got.labels, got.named) == ((("l", "1"),), (("w", "/w"),))
    assert got.annotations == (("annotation-index.k", "v"), ("annotation.k", "v"))
    assert got.attestations == {"sbom": "", "provenance": "mode=max"}
    assert got.metadata_file == world.folder / "m.json"


ZSTD = (("compression", "zstd"), ("force-compression", "true"), ("oci-mediatypes", "true"))


def test_the_projects_compression_is_asked_for_on_both_roads(world: World) -> None:
    world.write("cog.yaml", f"{CONFIG}  compression: zstd\n")
    outputs = ("--push", "-o", "type=oci,dest=a.tar", "-o", "type=local,dest=out")
    assert world.cog("build", *outputs) == 0
    assert request(world).outputs == (
        Output(type="oci", attributes=ZSTD, destination="a.tar"),
        Output(type="local", destination="out"),
        Output(type="image", attributes=(*ZSTD, ("push", "true"))),
    )
    assert request(world).build_args == (("COGKIT_COMPRESSION", "zstd"),)
    assert world.cog("build", "--via", "buildx") == 0
    call = buildx(world)
    assert "type=docker,compression=zstd,force-compression=true,oci-mediatypes=true" in call
    assert "--build-arg COGKIT_COMPRESSION=zstd" in call


def test_an_output_that_says_how_it_is_compressed_wins(world: World) -> None:
    world.write("cog.yaml", f"{CONFIG}  compression: {{type: zstd, level: 9}}\n")
    assert world.cog("build", "-o", "type=oci,dest=a.tar,compression=gzip") == 0
    assert request(world).outputs == (
        Output(type="oci", attributes=(("compression", "gzip"),), destination="a.tar"),
    )


@pytest.mark.parametrize(
    "words",
    [
        ("-o", "type=zip,dest=x"),
        ("-o", "type=local"),
        ("-o", "type=oci,dest=x,tar=false"),
        ("--cache-from", "ref=x"),
        ("--annotation", "nothing"),
        ("--annotation", "image:k=v"),
        ("--label", "nothing"),
        ("--build-context", "=x"),
    ],
)
def test_an_option_that_cannot_be_read_is_wrong_usage(world: World, words: tuple[str, str]) -> None:
    world.write("cog.yaml", CONFIG)
    assert world.cog("build", *words) == 2
    assert words[1] in world.stderr
    assert world.builder.requests == []


def test_an_argument_without_a_value_takes_the_environments(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    world.env["TOKEN"] = "t"
    world.cog("build", "--build-arg", "TOKEN", "--build-arg", "NONE")
    assert request(world).build_args == (("TOKEN", "t"),)


def test_provenance_can_be_left_out(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    world.cog("build", "--provenance", "false")
    assert request(world).attestations == {"provenance": None}
    world.builder.requests.clear()
    world.env["BUILDX_NO_DEFAULT_ATTESTATIONS"] = "1"
    world.cog("build")
    assert request(world).attestations == {}


def frontend(image: str, *, in_process: bool) -> Frontend:
    return Frontend(image=image, in_process=in_process)


@pytest.mark.parametrize(
    ("chosen", "own", "syntax", "expected"),
    [
        (None, None, None, frontend("released", in_process=True)),
        (None, None, "released", frontend("released", in_process=True)),
        (None, None, "another", frontend("another", in_process=False)),
        (None, "mirror", "another", frontend("mirror", in_process=True)),
        ("mine", "mirror", "another", frontend("mine", in_process=False)),
    ],
)
def test_only_another_frontend_than_the_commands_own_runs_in_a_container(
    chosen: str | None, own: str | None, syntax: str | None, expected: Frontend
) -> None:
    found = choose_frontend(chosen=chosen, own=own, syntax=syntax, released="released")
    assert found == expected


@pytest.mark.parametrize("line", ["# syntax=f:1", "#syntax = f:1", "  # syntax= f:1 --x"])
def test_a_syntax_line_is_honoured(world: World, line: str) -> None:
    world.write("cog.yaml", f"{line}\n{CONFIG}")
    assert world.cog("build") == 0
    assert request(world).frontend == frontend("f:1", in_process=False)


@pytest.mark.parametrize("line", ["# a comment", "# syntax", "build: {}\n# syntax=f:1"])
def test_another_first_line_is_no_syntax_line(world: World, line: str) -> None:
    world.write("cog.yaml", f"{line}\npredict: p.py:P\n")
    world.write("p.py", "class P:\n    def predict(self, a: int) -> int:\n        return a\n")
    assert world.cog("build") == 0
    assert request(world).frontend == frontend(FRONTEND, in_process=True)


def test_the_frontend_may_be_chosen_by_option_and_environment(world: World) -> None:
    world.write("cog.yaml", f"# syntax=f:1\n{CONFIG}")
    world.env["COGKIT_FRONTEND"] = "from-env"
    world.cog("build", "--via", "buildx")
    assert "BUILDKIT_SYNTAX=from-env" in buildx(world)
    world.docker.calls.clear()
    world.cog("build", "--frontend", "from-option", "--via", "buildx")
    assert "BUILDKIT_SYNTAX=from-option" in buildx(world)


def test_a_project_is_found_from_a_folder_within_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = world.write("cog.yaml", CONFIG)
    inner = world.folder / "a" / "b"
    inner.mkdir(parents=True)
    assert find(inner, "cog.yaml") == config


def test_another_config_file_may_be_named(world: World) -> None:
    world.write("cog-gpu.yaml", CONFIG)
    world.write("sub/cog.yaml", CONFIG)
    assert world.cog("build", "-f", "cog-gpu.yaml") == 0
    assert world.cog("build", "-f", "sub/cog.yaml") == 0
    first, second = world.builder.requests
    assert (first.file.name, first.context) == ("cog-gpu.yaml", world.folder)
    assert second.context == world.folder / "sub"


@pytest.mark.parametrize("name", ["none.yaml", "sub/none.yaml"])
def test_a_config_file_that_is_not_there_is_an_error(world: World, name: str) -> None:
    assert world.cog("build", "-f", name) == 1
    assert name in world.stderr


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My Project", "cog-my-project"),
        ("résumé_2", "cog-r-sum-2"),
        ("---", "cog-model"),
        ("a" * 50, "cog-" + "a" * 30),
    ],
)
def test_the_default_name_is_one_that_docker_takes(folder: str, name: str) -> None:
    assert default_image(folder) == name


def test_the_config_may_name_the_image(world: World) -> None:
    world.write("cog.yaml", f"image: r.example/me/model\n{CONFIG}")
    world.cog("build")
    assert request(world).tags == ("r.example/me/model",)


def test_a_mistake_in_the_config_is_shown_on_its_line_before_docker_is_asked(
    world: World,
) -> None:
    world.docker.daemon = False
    world.write("cog.yaml", 'build:\n  python_versoin: "3.12"\n')
    assert world.cog("build") == 1
    assert "cog.yaml:2:3: " in world.stderr
    assert "python_version" in world.stderr
    assert '\n  2 |   python_versoin: "3.12"\n    |   ^^^^^^^^^^^^^^\n' in world.stderr
    assert world.builder.requests == []


def test_a_failed_build_is_a_failure(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    world.docker.build_status = 1
    assert world.cog("build", "--via", "buildx") == 1
    assert world.stderr == "error: the build failed; the reason is above\n"


def test_a_tag_that_docker_cannot_take_is_wrong_usage(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    assert world.cog("build", "-t", "a=b") == 2


@pytest.mark.parametrize("text", [None, "{", "[]", "{}"])
def test_a_builder_that_tells_no_digest(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "metadata.json"
    if text is not None:
        path.write_text(text)
    assert read_digest(path) is None


LOCKED = CONFIG + "  python_requirements: requirements.txt\n"


def test_a_lock_is_written_next_to_the_config_whatever_lock_there_is(world: World) -> None:
    world.write("cog.yaml", LOCKED)
    world.write("requirements.txt", "six\n")
    world.write("pylock.toml", 'lock-version = "1.0"\n')
    assert world.cog("build") == 1
    assert "the lock file is stale: six is not in it" in world.stderr
    options = "--platform linux/amd64 --platform linux/arm64 --secret id=netrc,src=n"
    assert world.cog("lock", *options.split()) == 0
    got = request(world)
    assert got.target == "lock"
    assert got.outputs == (Output(type="local", destination=str(world.folder)),)
    assert got.platforms == ("linux/amd64", "linux/arm64")
    assert got.secrets == ("id=netrc,src=n",)
    assert world.stderr.endswith(f"wrote {world.folder}/pylock.toml\n")


@pytest.mark.parametrize(
    ("words", "wish"),
    [("", ""), ("--upgrade", "*"), ("-P six -P idna", "six,idna"), ("-U -P six", "*")],
)
def test_a_lock_moves_the_versions_it_is_told_to(world: World, words: str, wish: str) -> None:
    world.write("cog.yaml", f"{LOCKED}  lock: locks/pylock.toml\n")
    world.write("requirements.txt", "six\n")
    assert world.cog("lock", *words.split()) == 0
    assert request(world).build_args == ((("COGKIT_UPGRADE", wish),) if wish else ())
    assert world.stderr.endswith(f"wrote {world.folder}/locks/pylock.toml\n")


def test_the_lock_of_uv_is_left_to_uv(world: World) -> None:
    world.write("cog.yaml", f"{LOCKED}  lock: uv.lock\n")
    world.write("requirements.txt", "six\n")
    assert world.cog("lock") == 1
    assert "build.lock: uv.lock is made by uv (run `uv lock`)" in world.stderr


def test_a_lock_that_cannot_be_made_is_a_failure(world: World) -> None:
    world.write("cog.yaml", LOCKED)
    world.write("requirements.txt", "six\n")
    world.builder.failure = "it failed"
    assert world.cog("lock") == 1
    assert world.stderr == "error: it failed\n"
