"""The `cog` command on a real engine: what a person types, sees and gets back."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import uuid
from pathlib import Path

from integration.command import COG, cog
from integration.conftest import Workplace
from integration.frontend_images import ROOT, run_docker

EXAMPLES = ROOT / "examples"


def containers(place: Workplace) -> set[str]:
    return set(run_docker(place.engine, "ps", "--all", "--quiet").split())


def test_init_build_run(one_place: Workplace, tmp_path: Path) -> None:
    before = containers(one_place)
    assert cog(one_place, tmp_path, "init").returncode == 0
    built = cog(one_place, tmp_path, "build", "-t", "cogkit-cli-test", "--output", "json")
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)
    asked = cog(one_place, tmp_path, "run", "cogkit-cli-test", "-i", "text=you")
    assert asked.returncode == 0, asked.stderr
    assert "you" in asked.stdout
    assert containers(one_place) == before


def test_a_file_goes_in_and_json_comes_out(one_place: Workplace) -> None:
    project = one_place.copy(EXAMPLES / "digits")
    image = f"image=@{EXAMPLES}/digits/samples/5.png"
    done = cog(one_place, project, "run", "-i", image, "-i", "top=1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["label"] == 5


def test_wrong_inputs_are_told_before_a_container_starts(one_place: Workplace) -> None:
    project = one_place.copy(EXAMPLES / "hello")
    done = cog(one_place, project, "run", "-i", "txt=you")
    assert done.returncode == 2
    assert "text" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_wrong_json_is_told_before_anything_is_built(one_place: Workplace) -> None:
    project = one_place.copy(EXAMPLES / "hello")
    done = cog(one_place, project, "run", "--json", '{"text": 5}')
    assert done.returncode == 2
    assert done.stderr == 'error: invalid input "text": expected string, got integer 5\n'


def test_the_old_name_of_run_works_and_says_so(one_place: Workplace) -> None:
    tag = one_place.image(one_place.copy(EXAMPLES / "hello"))
    done = cog(one_place, ROOT, "predict", tag, "--json", '{"text": "you"}')
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "succeeded"
    assert '"cog predict" is deprecated, use "cog run"' in done.stderr


def test_push_is_in_the_registry_with_its_labels(one_place: Workplace) -> None:
    project = one_place.copy(EXAMPLES / "hello")
    target = f"{one_place.engine.registry}/cogkit-test/push-{os.getpid()}:1"
    done = cog(one_place, project, "push", target, GITHUB_SHA="abc123")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert f"Pushed {target}" in done.stderr
    run_docker(one_place.engine, "pull", "--quiet", target)
    shown = run_docker(one_place.engine, "image", "inspect", target)
    (found,) = json.loads(shown)
    labels = found["Config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] == "abc123"
    assert uuid.UUID(labels["run.cog.push_id"]).version == 7
    assert found["RepoDigests"][0].partition("@")[2] in done.stderr


def test_exec_works_on_the_folder_and_leaves_no_container(one_place: Workplace) -> None:
    project = one_place.copy(EXAMPLES / "hello")
    before = containers(one_place)
    program = "import cog, pathlib; pathlib.Path('made').write_text('x'); print('out')"
    done = cog(one_place, project, "exec", "python", "-c", program)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out\n"
    assert (project / "made").read_text() == "x"
    failed = cog(one_place, project, "exec", "sh", "-c", "exit 7")
    assert failed.returncode == 1
    assert "ended with status 7" in failed.stderr
    assert containers(one_place) == before


def test_a_login_is_kept_by_docker(one_place: Workplace, tmp_path: Path) -> None:
    """The registry takes every login; what is tried is that Docker's config has it afterwards."""
    done = subprocess.run(
        [COG, "login", one_place.engine.registry, "-u", "ada", "--token-stdin"],
        cwd=tmp_path,
        env={**one_place.engine.env, "DOCKER_CONFIG": str(tmp_path)},
        input="secret\n",
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "config.json").read_text())["auths"][one_place.engine.registry]
    assert base64.b64decode(kept["auth"]) == b"ada:secret"
    assert "secret" not in done.stdout + done.stderr


TRAINER = """\
from pathlib import Path as File

from cog import Path


def train(steps: int) -> Path:
    made = File("/tmp/made.txt")
    made.write_text("trained " * steps)
    return Path(made)
"""


def test_a_training_leaves_its_weights(one_place: Workplace) -> None:
    config = 'build:\n  python_version: "3.12"\ntrain: train.py:train\n'
    project = one_place.project({"cog.yaml": config, "train.py": TRAINER})
    before = containers(one_place)
    done = cog(one_place, project, "train", "-i", "steps=2")
    assert done.returncode == 0, done.stderr
    assert (project / "weights.txt").read_text() == "trained trained "
    assert '"cog train" is deprecated' in done.stderr
    assert containers(one_place) == before


def test_a_broken_project_shows_its_line(one_place: Workplace) -> None:
    project = one_place.project({"cog.yaml": "build:\n  gpus: true\n"})
    done = cog(one_place, project, "build", "-t", "cogkit-cli-broken")
    assert done.returncode == 1
    assert "did you mean 'gpu'?" in done.stderr
    assert run_docker(one_place.engine, "image", "ls", "--quiet", "cogkit-cli-broken") == ""


def test_a_port_in_use_is_said(one_place: Workplace) -> None:
    tag = one_place.image(one_place.copy(EXAMPLES / "hello"))
    before = containers(one_place)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = cog(one_place, ROOT, "serve", tag, "-p", port)
    assert done.returncode == 1
    assert port in done.stderr
    assert containers(one_place) == before


def test_no_engine_is_one_line(one_place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "cog.yaml").write_text("build: {python_version: '3.12'}\n")
    done = subprocess.run(
        [COG, "build", "-t", "x"],
        cwd=tmp_path,
        env={**one_place.engine.env, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Docker" in done.stderr
    assert "Traceback" not in done.stderr
