"""The image config: what a model image takes from its base, and what it sets itself."""

from __future__ import annotations

import json

from buildkit_llb import Platform
from cog_frontend.image import image_config
from cog_frontend.plan.model import ImageSettings

SETTINGS = ImageSettings(
    env=(("A", "plan"),),
    path=("/opt/venv/bin",),
    entrypoint=("tini", "--"),
    command=("serve",),
    workdir="/src",
    ports=("5000/tcp",),
    labels=(("one", "plan"), ("two", "plan")),
)
LINUX = Platform(os="linux", architecture="amd64")


def made(base: object, labels: dict[str, str] | None = None) -> dict[str, object]:
    data = json.dumps(base).encode() if base is not None else b""
    document: dict[str, object] = json.loads(image_config(data, SETTINGS, LINUX, labels or {}))
    return document


def test_the_base_keeps_what_is_about_itself() -> None:
    base = {
        "created": "2026-01-01T00:00:00Z",
        "author": "someone",
        "docker_version": "1.10",
        "container_config": {"Cmd": ["old"]},
        "history": [{"created_by": "base"}],
        "rootfs": {"type": "layers", "diff_ids": ["sha256:00"]},
        "config": {
            "User": "1000",
            "StopSignal": "SIGINT",
            "Volumes": {"/data": {}},
            "Healthcheck": {"Test": ["CMD", "false"]},
            "OnBuild": ["RUN false"],
            "Entrypoint": ["/base"],
            "Labels": {"base": "yes", "one": "base"},
            "Env": ["PATH=/bin", "A=base", "B=base"],
        },
    }
    document = made(base, {"two": "caller"})
    assert sorted(document) == ["architecture", "author", "config", "history", "os", "rootfs"]
    assert document["history"] == base["history"]
    assert document["rootfs"] == {"type": "layers", "diff_ids": []}
    assert document["config"] == {
        "User": "1000",
        "StopSignal": "SIGINT",
        "Volumes": {"/data": {}},
        "Env": ["PATH=/opt/venv/bin:/bin", "A=plan", "B=base"],
        "Entrypoint": ["tini", "--"],
        "Cmd": ["serve"],
        "WorkingDir": "/src",
        "ExposedPorts": {"5000/tcp": {}},
        "Labels": {"base": "yes", "one": "plan", "two": "caller"},
    }


def test_a_base_without_any_config_has_a_path() -> None:
    for base in (None, {}, {"config": None}):
        config = made(base)["config"]
        assert isinstance(config, dict)
        assert config["Env"][0].startswith("PATH=/opt/venv/bin:/usr/local/sbin:")
