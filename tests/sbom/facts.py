"""An image's facts for tests: a project with packages of each kind, and what was found."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from cog_frontend.plan import Lock, Plan, Target, read_lock, target
from cog_frontend.plan.model import Base, Copy, Fetch, Image, ImageSettings, Layer, Remote
from cog_frontend.sbom import ImageFacts

TARGET: Target = target("3.12", "amd64", "")
SHA = {letter: letter * 64 for letter in "abcdef"}
LOCK = f"""\
lock-version = "1.0"
[[packages]]
name = "six"
version = "1.17.0"
[[packages.wheels]]
url = "https://ada:hunter2@index.example/six-1.17.0-py2.py3-none-any.whl?token=hunter2"
hashes = {{ sha256 = "{SHA["a"]}" }}
[[packages]]
name = "markupsafe"
version = "3.0.2"
[[packages.wheels]]
url = "https://index.example/MarkupSafe-3.0.2-cp312-cp312-manylinux_2_17_x86_64.whl"
hashes = {{ sha256 = "{SHA["b"]}" }}
[[packages.wheels]]
url = "https://index.example/MarkupSafe-3.0.2-py3-none-any.whl"
hashes = {{ sha256 = "{SHA["c"]}" }}
[[packages]]
name = "built"
version = "1.0"
[packages.sdist]
url = "https://index.example/built-1.0.tar.gz"
hashes = {{ sha256 = "{SHA["d"]}", blake3 = "00" }}
[[packages]]
name = "ours"
version = "0.1"
[packages.archive]
path = "wheels/ours-0.1-py3-none-any.whl"
hashes = {{ sha256 = "{SHA["e"]}" }}
[[packages]]
name = "cloned"
version = "2.0"
[packages.vcs]
type = "git"
url = "https://ada:hunter2@git.example/cloned.git"
commit-id = "0123456789abcdef0123456789abcdef01234567"
subdirectory = "python"
"""
VENV = "/opt/venv/lib/python3.12/site-packages"


def locked() -> Lock:
    return read_lock(LOCK.encode(), TARGET, file="pylock.toml")


def facts() -> ImageFacts:
    settings = ImageSettings(
        env=(), path=(), entrypoint=(), command=(), workdir="/src", ports=(), labels=()
    )
    fetched = Remote(
        url="https://ada:hunter2@models.example/m.bin?key=hunter2",
        checksum=f"sha256:{SHA['f']}",
        path="/models/m.bin",
    )
    cuda = Image(name="cuda", ref="docker.io/nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04")
    copied = Copy(source="cuda", path="/usr/local/cuda-12.4", dest="/usr/local/cuda", title="")
    plan = Plan(
        base=Base(ref="docker.io/library/python:3.12-slim", python="3.12"),
        layers=(
            Layer(name="cuda", steps=(copied,)),
            Layer(name="weights/w", steps=(Fetch(files=(fetched,), title=""),)),
        ),
        image=settings,
        images=(cuda,),
    )
    return ImageFacts(
        plan=plan,
        lock=locked(),
        base=f"docker.io/library/python:3.12-slim@sha256:{SHA['a']}",
        platform="linux/amd64",
        cogkit="1.2.3",
        epoch=1700000000,
    )


def without_epoch() -> ImageFacts:
    return replace(facts(), epoch=None)


def python(name: str, version: str, path: str = VENV, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "path": path,
        "license_expression": "",
        "license": "",
        "home_page": "",
        "classifiers": [],
        "tags": [],
        **more,
    }


def debian(name: str, version: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "architecture": "amd64",
        "source": name,
        "source_version": version,
        "maintainer": "Debian <d@example.org>",
        "licences": [],
        **more,
    }


INVENTORY: dict[str, Any] = {
    "format": 1,
    "os": {"id": "debian", "version_id": "12", "pretty_name": "Debian GNU/Linux 12 (bookworm)"},
    "interpreter": {"name": "CPython", "version": "3.12.4"},
    "debian": [
        debian("libc6", "2.36-9+deb12u7", source="glibc", licences=["LGPL-2.1+", "odd"]),
        debian("libfoo", "1:2.0-1+b1", source_version="1:2.0-1", licences=["Expat", "GPL-2+"]),
    ],
    "python": [
        python("granian", "2.0", "/opt/cog/deps", license="BSD-3-Clause"),
        python("six", "1.17.0", license="MIT", home_page="https://six.example"),
        python(
            "MarkupSafe",
            "3.0.2",
            tags=["cp312-cp312-manylinux_2_17_x86_64"],
            license_expression="bsd-3-clause",
        ),
        python("built", "1.0", classifiers=["License :: OSI Approved :: MIT License"]),
        python("ours", "0.1", license="Ask legal first"),
        python("cloned", "2.0", classifiers=["License :: OSI Approved :: BSD License"]),
        python("stray", "9", "/opt/more"),
    ],
    "weights": [
        {"layer": "weights/w", "path": "/models/m.bin", "size": 7, "sha256": SHA["f"]},
        {"layer": "weights/v", "path": "/src/v.bin", "size": 8, "sha256": SHA["e"]},
    ],
}


def inventory(**more: Any) -> bytes:
    return json.dumps({**INVENTORY, **more}).encode()
