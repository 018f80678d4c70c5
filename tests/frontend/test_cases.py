"""Every case, through the whole frontend and an in-memory BuildKit: plan, graph, image config.

The graphs are golden text with inputs by number: a digest would change everything below it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from buildkit_llb import Definition, Platform, State, dump, load, marshal
from cog_frontend import plan
from cog_frontend.config import SUPPORTED_PYTHONS, read_config
from cog_frontend.gateway import Bridge
from cog_frontend.plan import SECRETS_FILE, layout
from cog_frontend.project import read_project
from cog_frontend.rpc import RpcError
from cog_frontend.session import serve
from cog_frontend.version import VERSION
from tests.fakes.bridge import FakeBridge, FakeImage
from tests.fakes.caps import GRAPHDRIVER, MODERN, Abilities
from tests.fakes.solver import Run, Runner
from tests.fakes.tree import Entry

CASES = sorted(path.parent for path in (Path(__file__).parents[1] / "cases").glob("*/cog.yaml"))
BASE = FakeImage(config={"config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"]}})
TOOLBOX = FakeImage(
    config={"config": {}},
    files={"bin/uv": b"", "lib/inventory.py": b""}
    | {f"runtime/3.{minor}/serve.py": b"" for minor in range(10, 15)},
)
CUDA_TAGS = ("11.2.2-cudnn8-runtime-ubuntu20.04", "12.4.1-cudnn-devel-ubuntu22.04")
CUDA = FakeImage(
    config={"config": {}},
    files={
        "usr/local/cuda-11.2/lib64/libcudart.so.11.0": b"",
        "usr/lib/x86_64-linux-gnu/libcudnn.so.8": b"",
        "usr/local/cuda-12.4/bin/nvcc": b"",
    },
)
SOURCE = "registry.example.com/cogkit/frontend:1"
Golden = Callable[[Path, str], None]

# What uv answers for the requirements of a case.
RESOLVED = "resolved.toml"
NO_PACKAGES = b'lock-version = "1.0"\n'

LINUX = Platform(os="linux", architecture="amd64")


def project_files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "expected" not in path.parts and path.name != RESOLVED
    }


def resolver(lock: bytes) -> Runner:
    """What commands leave in a build whose packages resolve to ``lock``."""

    def run(run: Run) -> Mapping[str, bytes]:
        made = {
            f"{layout.BUILD_MADE}{layout.LOCK}": lock,
            f"{layout.BUILD_MADE}/{SECRETS_FILE}": b'{"token": "5e3c"}',
        }
        return {path: data for path, data in made.items() if path in run.args}

    return run


def resolved(case: Path) -> bytes:
    file = case / RESOLVED
    return file.read_bytes() if file.exists() else NO_PACKAGES


def frontend(  # noqa: PLR0913 - keyword-only: one option per thing that a test may set
    files: dict[str, bytes],
    options: dict[str, str] | None = None,
    *,
    caps: Abilities = MODERN,
    filename: str = "cog.yaml",
    fail: dict[str, RpcError] | None = None,
    runner: Runner | None = None,
    more: Mapping[str, Mapping[str, bytes | Entry]] | None = None,
    remotes: Mapping[str, Mapping[str, bytes | Entry]] | None = None,
    inputs: Mapping[str, Definition] | None = None,
    layouts: Mapping[str, Mapping[str, bytes | Entry]] | None = None,
) -> FakeBridge:
    """Run the frontend as the daemon would and return what the daemon saw.

    ``more`` are folders of the client by name, ``remotes`` other sources by identifier,
    ``layouts`` what stands in the place of Python 3.13's image, by digest.
    """
    images = {
        f"docker.io/library/python:{version}-slim": BASE
        for version in ("3.10", "3.11", "3.12", "3.13", "3.12.4")
    } | {f"docker.io/nvidia/cuda:{tag}": CUDA for tag in CUDA_TAGS}
    toolboxes = {f"{SOURCE}-toolbox-{python}": TOOLBOX for python in SUPPORTED_PYTHONS}
    definition = (filename, f"{filename}.dockerignore")
    bridge = FakeBridge(
        files={
            "dockerfile": {name: files[name] for name in definition if name in files},
            "context": files,
            **(more or {}),
        },
        remotes=remotes,
        inputs=inputs,
        images={
            **images,
            **toolboxes,
            **{
                f"docker.io/library/python:3.13-slim@{digest}": FakeImage(files=files)
                for digest, files in (layouts or {}).items()
            },
        },
        caps=caps,
        fail=fail,
        runner=runner or resolver(NO_PACKAGES),
    )
    given = {"filename": filename, "source": SOURCE, **(options or {})}
    environment = {
        f"BUILDKIT_FRONTEND_OPT_{number}": f"{key}={value}"
        for number, (key, value) in enumerate(given.items())
    }
    serve(Bridge(bridge), {**environment, "BUILDKIT_SESSION_ID": "session1"})
    return bridge


def graph(bridge: FakeBridge) -> str:
    return dump(bridge.solves[-1].definition)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_case(case: Path, golden: Golden) -> None:
    files = project_files(case)
    config = read_config(files["cog.yaml"])
    project = read_project(config, ("cog.yaml", files["cog.yaml"]), files.get)
    if project.requirements:
        lock = plan.read_lock(resolved(case), plan.target("3.11", "amd64"), file=RESOLVED)
        project = replace(project, lock=lock)
    planned = plan.make_plan(config, project, version=VERSION)
    golden(case / "expected/plan.json", plan.plan_json(planned).replace(VERSION, "VERSION"))
    bridge = frontend(files, runner=resolver(resolved(case)))
    golden(case / "expected/llb.txt", graph(bridge))
    image = json.loads(bridge.result.metadata["containerimage.config"])
    shown = json.dumps(image, indent=2, sort_keys=True).replace(VERSION, "VERSION")
    golden(case / "expected/image.json", f"{shown}\n")


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_without_merge_the_same_layers_become_a_chain(case: Path, golden: Golden) -> None:
    runner = resolver(resolved(case))
    bridge = frontend(project_files(case), caps=GRAPHDRIVER, runner=runner)
    text = graph(bridge)
    golden(case / "expected/llb-chain.txt", text)
    assert "needs mergeop" not in text
    assert bridge.result.ref.id


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_the_same_project_gives_the_same_bytes(case: Path) -> None:
    files = project_files(case)
    shuffled = dict(reversed(files.items()))
    one, two = (frontend(each).solves[-1].definition.to_bytes() for each in (files, shuffled))
    assert one == two


def test_the_definition_survives_loading() -> None:
    definition = frontend(project_files(CASES[0])).solves[-1].definition
    state: State = load(definition)
    assert marshal(state, platform=LINUX).ops == definition.ops
