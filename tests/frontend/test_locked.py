"""Projects that bring a lock file, and making one: nothing is resolved, and stale is stale."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import pytest

from cog_frontend.plan import layout
from tests.fakes.bridge import FakeBridge
from tests.fakes.solver import Runner
from tests.frontend.test_cases import frontend, resolver
from tests.frontend.test_session import GOOD, SIX

MADE = f"{layout.BUILD_MADE}{layout.LOCK}"
CONFIG = b"build: {python_version: '3.12', python_requirements: requirements.txt}\n"
PROJECT = {**GOOD, "cog.yaml": CONFIG, "requirements.txt": b"six  # the one\n"}
BOTH = {"platform": "linux/amd64,linux/arm64"}


def locked(
    files: dict[str, bytes], options: Mapping[str, str] | None = None, *, runner: Runner
) -> bytes:
    bridge = frontend(files, {"target": "lock", **(options or {})}, runner=runner)
    tree = bridge.tree()
    assert set(tree.files) == {"pylock.toml"}
    return tree.files["pylock.toml"]


def message(bridge: FakeBridge) -> str:
    return bridge.error.message


def resolves(bridge: FakeBridge) -> bool:
    return any(MADE in run.args for run in bridge.solver.ran)


def test_a_locked_project_resolves_nothing_and_installs_the_same() -> None:
    lock = locked(PROJECT, runner=resolver(SIX))
    bridge = frontend({**PROJECT, "pylock.toml": lock}, runner=resolver(b"never asked"))
    assert not resolves(bridge)
    unlocked = frontend(PROJECT, runner=resolver(SIX))
    installs = [
        [run.op.SerializeToString() for run in each.solver.ran if run.name.startswith("[packages")]
        for each in (bridge, unlocked)
    ]
    assert installs[0] == installs[1] != []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"requirements.txt": b"six\nidna\n"}, "the requirements have changed since it was made"),
        (
            {"cog.yaml": CONFIG.replace(b"3.12", b"3.13")},
            "it was made for Python 3.12, and this is 3.13",
        ),
    ],
)
def test_a_stale_lock_stops_the_build(change: dict[str, bytes], why: str) -> None:
    lock = locked(PROJECT, runner=resolver(SIX))
    bridge = frontend({**PROJECT, "pylock.toml": lock, **change})
    assert message(bridge) == f"pylock.toml:11:1: the lock file is stale: {why} (run `cog lock`)"
    again = locked({**PROJECT, "pylock.toml": lock, **change}, runner=resolver(SIX))
    assert frontend({**PROJECT, "pylock.toml": again, **change}).result.ref.id


def test_comments_make_no_lock_stale() -> None:
    lock = locked(PROJECT, runner=resolver(SIX))
    files = {**PROJECT, "requirements.txt": b"# pins\n\nsix\n", "pylock.toml": lock}
    assert frontend(files).result.ref.id


def test_a_lock_of_another_tool_is_compared_with_the_requirements() -> None:
    files = {**PROJECT, "pylock.toml": SIX}
    assert frontend(files).result.ref.id
    wanted = b"six>=1.17\nidna\nsix==1.16\nold; python_version < '3'\n--pre\n./x.whl\n"
    bridge = frontend({**files, "requirements.txt": wanted, "x.whl": b""})
    lines = message(bridge).splitlines()
    assert lines == [
        "2 problems",
        "pylock.toml:1:1: the lock file is stale: idna is not in it (run `cog lock`)",
        "pylock.toml:1:1: the lock file is stale: six==1.16 is not in it (run `cog lock`)",
    ]


def test_constraints_ask_for_nothing() -> None:
    files = {**PROJECT, "pylock.toml": SIX, "requirements.txt": b"-c limits.txt\nsix\n"}
    assert frontend({**files, "limits.txt": b"idna<3\n"}).result.ref.id


@pytest.mark.parametrize(
    ("lock", "files", "expected"),
    [
        ("poetry.lock", {}, "build.lock: poetry.lock is not a lock file (name a pylock.toml or a"),
        ("pylock.toml", {}, "build.lock: pylock.toml: there is no such file (run `cog lock`)"),
        ("deps/uv.lock", {}, "build.lock: deps/uv.lock: there is no such file (run `uv lock`)"),
        (
            "deps/uv.lock",
            {"deps/uv.lock": b"x"},
            "build.lock: deps/uv.lock needs deps/pyproject.toml, and there is no such file",
        ),
    ],
)
def test_a_named_lock_must_be_there(lock: str, files: dict[str, bytes], expected: str) -> None:
    config = f"build:\n  lock: {lock}\n".encode()
    text = message(frontend({**GOOD, **files, "cog.yaml": config}))
    assert text.startswith(f"cog.yaml:2:9: {expected}")


def test_a_named_lock_needs_no_requirements() -> None:
    files = {**GOOD, "cog.yaml": b"build: {lock: locks/pylock.gpu.toml}\n"}
    bridge = frontend({**files, "locks/pylock.gpu.toml": SIX})
    assert not resolves(bridge)
    assert b"six==1.17.0" in bridge.result.metadata["containerimage.config"]


def test_what_is_wrong_in_a_lock_file_is_said_of_it() -> None:
    assert message(frontend({**PROJECT, "pylock.toml": b"= 3\n"})).startswith(
        "pylock.toml: the lock file cannot be read"
    )


def test_uv_turns_its_own_lock_into_the_packages() -> None:
    files = {
        **GOOD,
        "cog.yaml": b"build: {lock: uv.lock}\n",
        "uv.lock": b"the lock",
        "pyproject.toml": b"the project",
    }
    bridge = frontend(files, runner=resolver(SIX))
    assert bridge.result.ref.id
    (export,) = [run for run in bridge.solver.ran if MADE in run.args]
    assert {"export", "--locked"} <= set(export.args)
    for name in ("uv.lock", "pyproject.toml"):
        assert export.read(f"{layout.BUILD_REQUIREMENTS}/{name}") == files[name]
    assert any(run.name.startswith("[packages small]") for run in bridge.solver.ran)


NUMPY = """
[[packages]]
name = "numpy"
version = "2"
wheels = [
  { name = "numpy-2-cp312-cp312-linux_x86_64.whl" },
  { name = "numpy-2-cp312-cp312-linux_aarch64.whl" },
]
[[packages]]
name = "triton"
version = "3"
marker = "platform_machine == 'x86_64'"
wheels = [{ name = "triton-3-cp312-cp312-linux_x86_64.whl" }]
[[packages]]
name = "built"
version = "1"
sdist = { name = "built-1.tar.gz" }
wheels = [{ name = "built-1-cp312-cp312-linux_x86_64.whl" }]
"""


def test_one_lock_serves_several_machines() -> None:
    written = locked(PROJECT, BOTH, runner=resolver(SIX + NUMPY.encode()))
    packages = {each["name"]: each for each in tomllib.loads(written.decode())["packages"]}
    assert len(packages["numpy"]["wheels"]) == 2
    assert "marker" not in packages["numpy"]
    assert packages["triton"]["marker"] == "platform_machine == 'x86_64'"
    assert {"sdist", "wheels"} <= set(packages["built"])
    bridge = frontend({**PROJECT, "pylock.toml": written}, BOTH)
    for refs in bridge.result.refs.refs.values():
        assert "opt/cog/serve.py" in bridge.tree(refs.id)
    installs = sorted(run.name for run in bridge.solver.ran if "uv pip install" in run.name)
    large = "packages large-3] uv pip install numpy==2"
    assert installs == [
        f"[linux/amd64 {large}",
        "[linux/amd64 packages large-5] uv pip install built==1",
        "[linux/amd64 packages small] uv pip install six==1.17.0",
        "[linux/amd64 packages torch] uv pip install triton==3",
        f"[linux/arm64 {large}",
        "[linux/arm64 packages small] uv pip install six==1.17.0",
        "[linux/arm64 packages source] uv pip install built==1",
    ]


def test_nothing_to_lock_is_said() -> None:
    text = message(frontend(GOOD, {"target": "lock"}))
    assert text.startswith("cog.yaml: there is nothing to lock")
