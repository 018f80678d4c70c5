from __future__ import annotations

from pathlib import Path

import pytest

from integration.engine.__main__ import exports
from integration.engine.client import Docker, environment
from integration.engine.container_registry import published
from integration.engine.daemon import prepare_client
from integration.engine.engine import EngineInfo
from integration.engine.errors import EngineError
from integration.engine.layout import Kind, Layout


def fake_docker(folder: Path, script: str) -> Docker:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Docker({"PATH": f"{folder}:/usr/bin:/bin"})


def test_nothing_in_the_users_environment_points_at_another_daemon() -> None:
    theirs = {"DOCKER_CONTEXT": "far", "BUILDX_BUILDER": "b", "DOCKER_TLS_VERIFY": "1", "X": "y"}
    env = environment(
        {**theirs, "PATH": "/bin"},
        docker_host="unix:///s",
        client_config=Path("/c"),
        path=(Path("/own/bin"),),
    )
    assert env == {
        "X": "y",
        "DOCKER_HOST": "unix:///s",
        "DOCKER_CONFIG": "/c",
        "PATH": "/own/bin:/bin",
    }


def test_a_daemon_that_does_not_answer_has_no_version(tmp_path: Path) -> None:
    assert fake_docker(tmp_path, "exit 1").server_version() is None
    assert fake_docker(tmp_path, "echo 28.5.2").server_version() == "28.5.2"


def test_without_a_docker_command_no_daemon_is_reachable(tmp_path: Path) -> None:
    assert Docker({"PATH": str(tmp_path)}).server_version() is None


def test_a_docker_that_hangs_counts_as_no_answer(tmp_path: Path) -> None:
    assert fake_docker(tmp_path, "exec sleep 60").ask("version", timeout=0.2) is None


def test_a_failed_command_is_one_line(tmp_path: Path) -> None:
    docker = fake_docker(tmp_path, "echo first >&2; echo the reason >&2; exit 3")
    with pytest.raises(EngineError, match=r"^docker push failed: the reason$"):
        docker.run("push", "x")


def test_the_published_port_is_the_registry_address() -> None:
    assert published("127.0.0.1:5004\n[::1]:5004\n") == "localhost:5004"
    assert published("") is None
    assert published(None) is None


def test_the_exports_are_shell_lines() -> None:
    info = EngineInfo(
        docker_host="unix:///a b",
        registry="localhost:5000",
        version="28.5.2",
        own=True,
        env={},
        exports={"DOCKER_HOST": "unix:///a b", "COGKIT_REGISTRY": "localhost:5000"},
        unset=("DOCKER_CONTEXT",),
        path=(Path("/own dir/bin"), Path("/own/sbin")),
    )
    assert exports(info).splitlines() == [
        "unset DOCKER_CONTEXT",
        "export COGKIT_REGISTRY=localhost:5000",
        "export DOCKER_HOST='unix:///a b'",
        "export PATH='/own dir/bin':/own/sbin:\"$PATH\"",
    ]


def test_the_client_folder_holds_buildx_and_stays_as_it_is_the_second_time(tmp_path: Path) -> None:
    buildx = tmp_path / "docker-buildx"
    buildx.write_text("")
    layout = Layout(tmp_path / "cache", Kind())
    for _ in range(2):
        prepare_client(layout, buildx, tmp_path / "no config.json")
    plugin = layout.client_config / "cli-plugins" / "docker-buildx"
    assert plugin.samefile(buildx)
    assert (layout.client_config / "config.json").read_text() == '{\n  "auths": {}\n}\n'
