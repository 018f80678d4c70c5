from __future__ import annotations

import json
from pathlib import Path

import pytest

from cog_cli.build import choose_frontend
from cog_cli.buildx import read_digest
from cog_cli.project import default_image, find
from cog_frontend.version import FRONTEND
from tests.cli.conftest import World

CONFIG = 'build:\n  python_version: "3.12"\n'


def buildx(world: World) -> str:
    (call,) = [call for call in world.docker.calls if call[0] == "buildx"]
    return " ".join(call)


def test_a_build_is_one_call_of_buildx_with_the_frontend_of_this_version(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    assert world.cog("build", "-t", "mine:1") == 0
    call = buildx(world)
    assert call.startswith(f"buildx build --file {world.folder}/cog.yaml --tag mine:1 ")
    assert f"--build-arg BUILDKIT_SYNTAX={FRONTEND}" in call
    assert "--load" in call
    assert call.endswith(f" {world.folder}")


def test_the_result_is_on_stderr(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write("cog.yaml", CONFIG)
    world.cog("build", "-t", "mine")
    assert capsys.readouterr().out == ""
    assert world.stderr == "Image built as mine\n"


def test_for_a_program_the_result_is_json_on_stdout(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write("cog.yaml", CONFIG)
    assert world.cog("build", "-t", "mine", "--output", "json") == 0
    assert json.loads(capsys.readouterr().out) == {"image": "mine", "digest": "sha256:abc"}
    assert world.stderr == ""


def test_every_option_reaches_buildx(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    options = "-t a -t b --no-cache --progress plain --secret id=x,src=y --ssh default"
    options += " --platform linux/amd64"
    assert world.cog("build", *options.split(), "--platform", "linux/arm64", "--push") == 0
    call = buildx(world)
    for part in (
        "--tag a --tag b",
        "--no-cache",
        "--progress plain",
        "--secret id=x,src=y",
        "--ssh default",
        "--platform linux/amd64,linux/arm64",
        "--push",
    ):
        assert part in call
    assert "--load" not in call


@pytest.mark.parametrize(
    ("chosen", "has_syntax", "expected"),
    [
        (None, False, "default"),
        (None, True, None),
        ("mine", False, "mine"),
        ("mine", True, "mine"),
    ],
)
def test_the_frontend_is_the_chosen_one_else_the_files_else_the_released(
    chosen: str | None, *, has_syntax: bool, expected: str | None
) -> None:
    assert choose_frontend(chosen, "default", has_syntax=has_syntax) == expected


@pytest.mark.parametrize("line", ["# syntax=f:1", "#syntax = f:1", "  # syntax= f:1 --x"])
def test_a_syntax_line_is_honoured(world: World, line: str) -> None:
    world.write("cog.yaml", f"{line}\n{CONFIG}")
    assert world.cog("build") == 0
    assert "BUILDKIT_SYNTAX" not in buildx(world)


@pytest.mark.parametrize("line", ["# a comment", "# syntax", "build: {}\n# syntax=f:1"])
def test_another_first_line_is_no_syntax_line(world: World, line: str) -> None:
    world.write("cog.yaml", f"{line}\npredict: p.py:P\n")
    world.write("p.py", "class P:\n    def predict(self, a: int) -> int:\n        return a\n")
    assert world.cog("build") == 0
    assert "BUILDKIT_SYNTAX" in buildx(world)


def test_the_frontend_may_be_chosen_by_option_and_environment(world: World) -> None:
    world.write("cog.yaml", f"# syntax=f:1\n{CONFIG}")
    world.env["COGKIT_FRONTEND"] = "from-env"
    world.cog("build")
    assert "BUILDKIT_SYNTAX=from-env" in buildx(world)
    world.docker.calls.clear()
    world.cog("build", "--frontend", "from-option")
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
    world.docker.calls.clear()
    assert world.cog("build", "-f", "sub/cog.yaml") == 0
    assert buildx(world).endswith(f" {world.folder}/sub")


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
    assert "--tag r.example/me/model " in buildx(world)


def test_a_mistake_in_the_config_is_shown_on_its_line_before_docker_is_asked(
    world: World,
) -> None:
    world.docker.daemon = False
    world.write("cog.yaml", 'build:\n  python_versoin: "3.12"\n')
    assert world.cog("build") == 1
    assert "cog.yaml:2:3: " in world.stderr
    assert "python_version" in world.stderr
    assert '\n  2 |   python_versoin: "3.12"\n    |   ^^^^^^^^^^^^^^\n' in world.stderr
    assert world.docker.calls == []


def test_a_failed_build_is_a_failure(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    world.docker.build_status = 1
    assert world.cog("build") == 1
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
    call = buildx(world)
    assert f"--target lock --output type=local,dest={world.folder} " in call
    assert "--platform linux/amd64,linux/arm64" in call
    assert "--secret id=netrc,src=n" in call
    assert "--load" not in call
    assert world.stderr.endswith(f"wrote {world.folder}/pylock.toml\n")


def test_a_lock_that_cannot_be_made_is_a_failure(world: World) -> None:
    world.write("cog.yaml", LOCKED)
    world.write("requirements.txt", "six\n")
    world.docker.build_status = 1
    assert world.cog("lock") == 1
    assert world.stderr == "error: the build failed; the reason is above\n"
