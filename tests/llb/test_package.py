"""The library as a distribution of its own."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import buildkit_llb

HOME = Path(buildkit_llb.__file__).parents[1]
ROOT = HOME.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(HOME)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(path)


def test_a_wheel_holds_the_package_its_types_and_its_licence(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    sources = (HOME / "buildkit_llb").rglob("*.py*")
    wanted = {str(path.relative_to(HOME)) for path in sources if "__pycache__" not in path.parts}
    info = "buildkit_llb-0.1.0.dev0.dist-info"
    assert wanted | {"buildkit_llb/py.typed", f"{info}/licenses/LICENSE"} <= names
    assert {name.partition("/")[0] for name in names} == {"buildkit_llb", info}
    assert wheel.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_it_needs_the_protobuf_that_its_stubs_were_made_for() -> None:
    """An older one is installed without a word and refuses the stubs when they are imported."""
    stubs = (HOME / "buildkit_llb" / "pb" / "ops_pb2.py").read_text()
    made_for = re.search(r"# Protobuf Python Version: (\S+)", stubs)
    assert made_for
    floor = f"protobuf>={made_for[1]}"
    assert tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["dependencies"] == [
        floor
    ]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert floor in extras["frontend"]
    assert floor in extras["cli"]
