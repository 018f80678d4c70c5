"""``cache: state``: each file a step of the builder, chosen from the lock, checked by its hash."""

from __future__ import annotations

import pytest

from buildkit_llb.pb import ops_pb2 as pb
from cog_frontend.plan.wheel import preference
from tests.fakes.bridge import FakeBridge
from tests.frontend.test_cases import frontend, resolver
from tests.frontend.test_session import GOOD

WHEEL = "numpy-2-cp312-cp312-linux_x86_64.whl"
ONE, TWO, ZIP = "1" * 64, "2" * 64, "3" * 64
LOCK = f"""\
lock-version = "1.0"
[[packages]]
name = "numpy"
version = "2"
wheels = [
  {{ url = "https://h.example/numpy-2-py3-none-any.whl", hashes = {{ sha256 = "{ONE}" }} }},
  {{ url = "https://h.example/{WHEEL}#x", hashes = {{ sha256 = "{TWO}" }} }},
]
[[packages]]
name = "own"
version = "1"
wheels = [
  {{ url = "https://own.example/own-1-py3-none-any.whl", hashes = {{ sha256 = "{ONE}" }} }},
]
[[packages]]
name = "old"
version = "1"
wheels = [{{ url = "https://h.example/old-1-py3-none-any.whl", hashes = {{ md5 = "4" }} }}]
[[packages]]
name = "a"
version = "1"
sdist = {{ url = "https://h.example/a-1.zip", hashes = {{ sha256 = "{ZIP}" }} }}
[[packages]]
name = "b"
version = "1"
vcs = {{ type = "git", url = "https://h.example/b.git", commit-id = "c0" }}
""".encode()
CONFIG = b"""\
build:
  python_version: "3.12"
  python_packages: [numpy]
  python_index: [{url: https://own.example/simple, secret: own}]
  cache: state
"""
REMOTES = {f"https://h.example/{name}": name for name in (WHEEL, "a-1.zip")}


@pytest.fixture
def bridge() -> FakeBridge:
    remotes = {url: {name: name.encode()} for url, name in REMOTES.items()}
    return frontend({**GOOD, "cog.yaml": CONFIG}, runner=resolver(LOCK), remotes=remotes)


def test_each_file_is_fetched_by_its_checksum(bridge: FakeBridge) -> None:
    assert bridge.result.ref.id
    ops = [pb.Op.FromString(each) for each in bridge.solves[-1].definition.ops]
    sources = {
        op.source.identifier: op.source.attrs["http.checksum"]
        for op in ops
        if op.source.identifier.startswith("http")
    }
    assert sources == dict(zip(REMOTES, (f"sha256:{TWO}", f"sha256:{ZIP}"), strict=True))


def test_an_install_reads_the_files_and_needs_no_cache_mount(bridge: FakeBridge) -> None:
    assert bridge.result.ref.id
    installs = {
        run.name.partition("]")[0]: run for run in bridge.solver.ran if "uv pip install" in run.name
    }
    assert set(installs) == {
        "[packages large-3",
        "[packages small",
        "[packages source-a",
        "[packages source-b",
    }
    numpy = installs["[packages large-3"]
    assert f"/run/cogkit/files/{WHEEL}" in numpy.mounts
    lock = numpy.read("/run/cogkit/requirements/pylock.toml").decode()
    assert f'path = "../files/{WHEEL}"' in lock
    assert TWO in lock
    assert "/root/.cache/uv" not in numpy.mounts
    # Without a checksum, or behind a password, it is uv that fetches.
    small = installs["[packages small"].read("/run/cogkit/requirements/pylock.toml").decode()
    assert "https://own.example" in small
    assert "https://h.example/old-1" in small


def test_wheels_are_chosen_for_what_they_are_made_for() -> None:
    names = [
        "a-1-py3-none-any.whl",
        "a-1-cp37-abi3-manylinux_2_28_x86_64.whl",
        "a-1-cp312-cp312-manylinux_2_28_x86_64.whl",
        "a-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    ]
    mixed = [names[2], names[0], names[3], names[1]]
    assert sorted(mixed, key=preference) == names
