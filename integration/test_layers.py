"""What an edit costs: which commands run again, which layers stay, how many bytes are pushed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.conftest import KINDS, Workplace
from integration.frontend_images import ROOT, run_docker
from integration.index import Index, noise, sdist, serving, wheel
from integration.layers import Pushed, commands_run, push

MIB = 1 << 20
PREDICT = "def run() -> str:\n    return 'one'\n"
SETUP = b"from setuptools import setup\nsetup(name='built', version='1.0', py_modules=['built'])\n"
TOOL = b"[console_scripts]\nheavy = heavy:main\n"
LINUX = "py3-none-manylinux_2_17_x86_64"


def torch_wheel(*, real: bool) -> tuple[str, bytes]:
    """The CPU wheel that the machine has at hand, else one of nothing but weight."""
    for folder in os.environ.get("PIP_FIND_LINKS", "").split() if real else ():
        for path in sorted(Path(folder).glob("torch-*+cpu-cp311-*x86_64.whl")):
            return path.name, path.read_bytes()
    files = {"torch/__init__.py": b"", "torch/weight.bin": noise(150 * MIB, 1)}
    return wheel("torch", "2.13.0", files, tag=LINUX)


def files(*, real_torch: bool) -> dict[str, bytes]:
    """Everything that makes packaging hard, heavy and small."""
    cuda = {"nvidia/__init__.py": b"", "nvidia/lib/shared.txt": b"same in all"}
    return dict(
        (
            torch_wheel(real=real_torch),
            wheel(
                "nvidia-one-cu12",
                "1.0",
                {**cuda, "nvidia/one/lib/one.so": noise(20 * MIB, 2)},
                tag=LINUX,
            ),
            wheel(
                "nvidia-two-cu12",
                "1.0",
                {**cuda, "nvidia/two/lib/two.so": noise(20 * MIB, 3)},
                tag=LINUX,
            ),
            wheel(
                "heavy",
                "1.0",
                {
                    "space/heavy.py": b"NAME = 'heavy'\n",
                    "heavy/weight.bin": noise(12 * MIB, 4),
                    "heavy/__init__.py": b"def main():\n    print('heavy tool')\n",
                    "heavy-1.0.dist-info/entry_points.txt": TOOL,
                    "heavy-1.0.data/data/share/heavy/data.txt": b"data of heavy",
                    "heavy-1.0.data/scripts/heavy.sh": b"#!/bin/sh\necho heavy script\n",
                },
                requires=["light", "nvidia-one-cu12", "nvidia-two-cu12"],
                tag=LINUX,
            ),
            wheel(
                "light",
                "1.0",
                {
                    "space/light.py": b"NAME = 'light'\n",
                    "light.pth": b"light-more\n",
                    "light-more/more_light.py": b"NAME = 'more'\n",
                    "light-1.0.data/data/etc/light.conf": b"light = 1\n",
                },
            ),
            wheel("extra", "1.0", {"extra.py": b"NAME = 'extra'\n"}),
            sdist("built", "1.0", {"setup.py": SETUP, "built.py": b"NAME = 'built'\n"}),
        )
    )


def project(
    index: Index, *more: str, system: str = "tree", predict: str = PREDICT
) -> dict[str, str]:
    requirements = ("torch", "scipy==1.14.1", "heavy", "built", *more)
    return {
        "cog.yaml": f"""\
build:
  python_version: "3.11"
  python_requirements: requirements.txt
  system_packages: [{system}]
environment:
  - PIP_EXTRA_INDEX_URL={index.url}
run: predict.py:run
""",
        "requirements.txt": "".join(f"{line}\n" for line in requirements),
        "predict.py": predict,
    }


@dataclass(frozen=True, slots=True)
class Made:
    """A built and pushed image, and the commands that ran for it."""

    tag: str
    image: Pushed
    ran: set[str]


@dataclass(frozen=True, slots=True)
class Yard:
    """A workplace with an index, and the image that edits are measured against."""

    place: Workplace
    index: Index
    first: Made


def make(place: Workplace, index: Index, *more: str, **settings: str) -> Made:
    tag, result = place.build(place.project(project(index, *more, **settings)))
    assert result.code == 0, result.output
    image = push(place.engine, tag, f"cogkit-test/layers-{place.kind}")
    return Made(tag, image, commands_run(result.output))


@pytest.fixture(scope="session")
def yard(place: Workplace) -> Iterator[Yard]:
    """The first build, of everything; the real torch once is enough."""
    offered = files(real_torch=place.kind == KINDS[0])
    with serving(place.engine, offered) as index:
        yield Yard(place, index, make(place, index))


def in_image(yard: Yard, made: Made, *command: str) -> str:
    run = ("run", "--rm", "--entrypoint", command[0], made.tag, *command[1:])
    return run_docker(yard.place.engine, *run)


def test_one_more_small_package_costs_a_lock_and_a_small_install(yard: Yard) -> None:
    made = make(yard.place, yard.index, "extra")
    assert {name.partition("]")[0] for name in made.ran} == {"[lock", "[packages small"}
    changed = set(made.image.layers) - set(yard.first.image.layers)
    if yard.place.kind == KINDS[0]:
        assert len(changed) == 3, "the small packages, the lock, the requirements in /src"
    assert max(size for _, size in changed) < 4 * MIB
    assert made.image.bytes_beyond(yard.first.image) < yard.first.image.size / 100
    assert in_image(yard, made, "python", "-c", "import extra; print(extra.NAME)") == "extra"


def test_an_edit_of_the_predictor_runs_nothing(yard: Yard) -> None:
    made = make(yard.place, yard.index, predict=PREDICT.replace("one", "two"))
    assert made.ran == set()
    assert made.image.bytes_beyond(yard.first.image) < MIB


def test_one_more_system_package_reinstalls_no_wheel(yard: Yard) -> None:
    made = make(yard.place, yard.index, system="tree, jq")
    assert {name.partition("]")[0] for name in made.ran} == {"[system", "[packages source"}
    assert in_image(yard, made, "jq", "--version").startswith("jq")


def test_everything_in_the_packages_is_where_it_belongs(yard: Yard) -> None:
    script = """
import importlib.metadata, pathlib, subprocess, sys
import built, heavy, more_light, nvidia, scipy.linalg, space.heavy, space.light, torch

home = pathlib.Path(sys.prefix)
names = [space.heavy.NAME, space.light.NAME, more_light.NAME, built.NAME]
names += [(home / name).read_text().strip() for name in ("share/heavy/data.txt", "etc/light.conf")]
names += [subprocess.check_output([each], text=True).strip() for each in ("heavy", "heavy.sh")]
shared = pathlib.Path(nvidia.__file__).parent
names += sorted(path.name for path in shared.rglob("*") if path.suffix in {".so", ".txt"})
names.append(importlib.metadata.version("heavy"))
names.append(f"{scipy.linalg.det([[2, 0], [0, 3]]):.0f}")
print("|".join(names))
"""
    assert in_image(yard, yard.first, "python", "-c", script) == (
        "heavy|light|more|built|data of heavy|light = 1|heavy tool|heavy script"
        "|one.so|shared.txt|two.so|1.0|6"
    )
    assert in_image(yard, yard.first, "python", "-m", "pip", "check") == (
        "No broken requirements found."
    )
    # Bytecode came with the packages: importing makes none.
    count = "find /opt -name '*.pyc' -newer /now | wc -l"
    ask = f"touch /now && python -c 'import scipy.linalg, torch, space.heavy' && {count}"
    assert in_image(yard, yard.first, "sh", "-c", ask) == "0"


def test_a_small_model_adds_little_to_its_base(one_place: Workplace) -> None:
    base = one_place.scratch("base")
    base.mkdir()
    (base / "Dockerfile").write_text("FROM python:3.12-slim\n")
    tag = f"cogkit-test-base-{os.getpid()}"
    run_docker(one_place.engine, "buildx", "build", "--quiet", "--tag", tag, str(base))
    below = push(one_place.engine, tag, "cogkit-test/base")
    run_docker(one_place.engine, "image", "rm", tag)
    hello = one_place.image(one_place.copy(ROOT / "examples/hello"))
    image = push(one_place.engine, hello, "cogkit-test/hello")
    assert image.bytes_beyond(below) < 25_000_000


def test_no_byte_is_in_two_layers(yard: Yard) -> None:
    where: dict[str, tuple[str, bytes]] = {}
    twice: dict[str, int] = {}
    for digest, _ in yard.first.image.layers:
        for entry, content in yard.first.image.files(digest):
            if not entry.isreg():
                continue
            before = where.get(entry.name)
            if before and before[0] != digest:
                twice[entry.name] = len(content)
            where[entry.name] = (digest, content)
    # What dpkg and ldconfig keep of all packages is written again by every apt-get; the config in
    # the image is the one that was read, whatever the project has under its name.
    kept = ("var/lib/dpkg/", "etc/ld.so.cache", "var/cache/debconf/", "src/cog.yaml")
    assert {name: size for name, size in twice.items() if not name.startswith(kept)} == {}
    assert sum(twice.values()) < MIB
    useless = ("var/lib/apt/lists/", "var/cache/apt/archives/", "root/.cache/", "var/log/apt")
    left = [n for n, (_, content) in where.items() if n.startswith(useless) and content]
    assert left == []
    assert not [name for name in where if name.endswith(("/bin/gcc", "/bin/cc", "/venv/.lock"))]
