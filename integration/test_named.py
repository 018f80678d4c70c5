"""Named contexts on the real engine: what stands in the place of the base image."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from integration.conftest import Workplace
from integration.frontend_images import run_docker

CONFIG = "build:\n  python_version: '3.12'\n"
BASE = "python:3.12-slim"
OWN_BASE = f"FROM {BASE}\nRUN echo own > /own.txt\nENV OWN=yes\n"


@pytest.fixture
def project(place: Workplace) -> Path:
    """A project beside the Dockerfile of a base image of its own."""
    return place.project({"cog.yaml": CONFIG, "base/Dockerfile": OWN_BASE})


def own_base(place: Workplace, project: Path, output: str) -> None:
    run_docker(
        place.engine,
        "buildx",
        "build",
        "--provenance=false",
        "--output",
        output,
        "base",
        cwd=project,
    )


def check(place: Workplace, project: Path, value: str) -> str:
    tag, result = place.build(project, "--build-context", f"{BASE}={value}")
    assert result.code == 0, result.output
    assert place.read(tag, "own.txt") == b"own\n"
    return tag


def env(place: Workplace, tag: str) -> list[str]:
    found = run_docker(place.engine, "image", "inspect", "--format", "{{json .Config.Env}}", tag)
    names: list[str] = json.loads(found)
    return names


def test_another_image(place: Workplace, project: Path) -> None:
    name = f"{place.engine.registry}/cogkit-test/own-{place.kind}:1"
    own_base(place, project, f"type=image,name={name},push=true")
    tag = check(place, project, f"docker-image://{name}")
    assert "OWN=yes" in env(place, tag)


def test_a_folder(place: Workplace, project: Path) -> None:
    folder, packed = place.scratch("base-folder"), place.scratch("base.tar")
    # Not type=local: buildx and BuildKit wait for each other now and then where files are many.
    own_base(place, project, f"type=tar,dest={packed}")
    with tarfile.open(packed) as tar:
        tar.extractall(folder, filter="fully_trusted")
    check(place, project, str(folder))


def test_an_oci_layout(place: Workplace, project: Path) -> None:
    if not place.kind.endswith("containerd"):
        pytest.skip("Docker's graphdriver store reads no OCI layout and writes none")
    layout = place.scratch("layout")
    own_base(place, project, f"type=oci,tar=false,dest={layout}")
    tag = check(place, project, f"oci-layout://{layout}")
    assert "OWN=yes" in env(place, tag)


def test_a_target_of_a_bake_file(place: Workplace, project: Path) -> None:
    tag = place.tag()
    bake = {
        "target": {
            "own": {"context": "base"},
            "model": {
                "context": ".",
                "dockerfile": "cog.yaml",
                "contexts": {BASE: "target:own"},
                "tags": [tag],
                "output": ["type=docker"],
            },
        }
    }
    (project / "bake.json").write_text(json.dumps(bake))
    done = subprocess.run(
        ["docker", "buildx", "bake", "--progress=plain", "-f", "bake.json", "model"],
        cwd=project,
        env=dict(place.engine.env),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert place.read(tag, "own.txt") == b"own\n"
    assert "OWN=yes" in env(place, tag)


def test_a_value_that_is_no_context(place: Workplace, project: Path) -> None:
    _, result = place.build(project, "--build-context", f"{BASE}=docker-image://UPPER")
    assert result.code
    assert "UPPER" in result.output
