from __future__ import annotations

from pathlib import Path

import pytest

from cog_cli.docker import Errand, run_arguments
from tests.cli.conftest import World

CONFIG = 'build:\n  python_version: "3.12"\n'
ON_GPU = f"{CONFIG}  gpu: true\n"
WITH_WEIGHTS = f"""{CONFIG}weights:
  - target: /weights
    source: models
"""


@pytest.fixture
def project(world: World) -> World:
    world.write("cog.yaml", CONFIG)
    return world


def ran(world: World) -> str:
    (argv,) = world.docker.started
    return " ".join(argv)


def test_the_command_runs_in_the_environment_that_was_built(project: World) -> None:
    assert project.cog("exec", "python", "-m", "timeit", "-f", "--help") == 0
    (build,) = project.builder.requests
    assert build.progress == "quiet"
    assert build.target == "base"
    assert build.tags == ("cog-my-project-base",)
    assert ran(project).endswith(" cog-my-project-base python -m timeit -f --help")
    assert f"--mount type=bind,source={project.folder},target=/src --workdir /src" in ran(project)
    assert " --interactive " in ran(project)
    assert "--tty" not in ran(project)
    assert "--publish" not in ran(project)


def test_a_project_with_weights_is_built_whole(project: World) -> None:
    project.write("cog.yaml", WITH_WEIGHTS)
    assert project.cog("exec", "ls", "/weights") == 0
    (build,) = project.builder.requests
    assert build.target is None
    assert build.tags == ("cog-my-project",)
    assert ran(project).endswith(" cog-my-project ls /weights")


def test_the_name_of_the_image_is_not_that_of_the_environment(project: World) -> None:
    project.write("cog.yaml", f"{CONFIG}image: registry.example/owner/model:1\n")
    assert project.cog("exec", "sh") == 0
    assert ran(project).endswith(" cog-my-project-base sh")


def test_a_person_gets_a_terminal(project: World) -> None:
    project.terminal = True
    assert project.cog("exec", "bash") == 0
    assert " --tty " in ran(project)


def test_ports_and_variables_reach_the_container(project: World) -> None:
    assert project.cog("exec", "-p", "8000", "-p", "0.0.0.0:80", "-e", "A=1", "sh") == 0
    assert " --publish 127.0.0.1:8000:8000 --publish 0.0.0.0:80:80 --env A=1 " in ran(project)


@pytest.mark.parametrize("port", ["x", "0", "65536", ":80", "80:", "", "٣"])
def test_a_port_that_is_none_is_wrong_usage(project: World, port: str) -> None:
    assert project.cog("exec", "-p", port, "sh") == 2
    assert f"--publish {port} is not PORT or HOST:PORT" in project.stderr
    assert project.builder.requests == []


def test_a_failing_command_is_a_failure_that_says_so(project: World) -> None:
    project.docker.run_status = 7
    assert project.cog("exec", "sh", "-c", "exit 7") == 1
    assert project.stderr == "error: `sh -c 'exit 7'` ended with status 7\n"


def test_no_command_is_wrong_usage(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.cog("exec") == 2
    assert "COMMAND" in capsys.readouterr().err


def test_gpus_are_used_where_there_are_some(project: World) -> None:
    project.write("cog.yaml", ON_GPU)
    assert project.cog("exec", "nvidia-smi") == 0
    assert " --gpus all " in ran(project)


def test_where_there_are_none_it_is_tried_without(project: World) -> None:
    project.write("cog.yaml", ON_GPU)
    project.docker.gpus = False
    assert project.cog("exec", "python") == 0
    assert "--gpus" not in ran(project)


def test_gpus_that_were_asked_for_are_not_dropped(project: World) -> None:
    project.docker.gpus = False
    assert project.cog("exec", "--gpus", "1", "python") == 1
    assert "docker could not start cog-my-project-base; the reason is above" in project.stderr


def test_a_folder_may_be_called_anything() -> None:
    errand = Errand(name="n", image="i", command=("c",), folder=Path('/a,b"c'))
    assert 'type=bind,"source=/a,b""c",target=/src' in run_arguments(errand)
