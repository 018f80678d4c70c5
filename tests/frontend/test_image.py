"""The image config: what a model image takes from its base, and what it sets itself."""

from __future__ import annotations

import json

import pytest

from buildkit_llb import Platform
from cog_frontend import accounts
from cog_frontend.config import Located
from cog_frontend.errors import Span
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


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("1000", ()),
        ("1000:100", ()),
        ("model", (accounts.PASSWD,)),
        ("model:100", (accounts.PASSWD,)),
        ("0:video", (accounts.GROUP,)),
        ("model:video", (accounts.PASSWD, accounts.GROUP)),
    ],
)
def test_only_names_must_be_known_to_the_image(text: str, files: tuple[str, ...]) -> None:
    assert accounts.named_files(Located(text, Span(1, 1))) == files


def test_a_name_is_looked_for_as_a_whole() -> None:
    user = Located("model:video", Span(4, 4, 9, 20))
    passwd = b"root:x:0:0:root:/root:/bin/sh\nmodel:x:77:9::/home/model:/bin/sh\n"
    assert accounts.unknown_name(user, accounts.PASSWD, passwd, "cog.yaml") is None
    for content in (b"videos:x:44:\n", b"", None):
        problem = accounts.unknown_name(user, accounts.GROUP, content, "cog.yaml")
        assert str(problem) == (
            "cog.yaml:4:9: build.user: 'video' is not in /etc/group of the image"
            " (add `groupadd video` to build.run, or write a number)"
        )
