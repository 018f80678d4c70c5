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


def kept(bridge: FakeBridge) -> list[tuple[str, tuple[str, ...], dict[str, str]]]:
    """Each command that resolves: its row, what it says of versions, and those it is shown."""
    file = f"{layout.BUILD_REQUIREMENTS}/pylock.toml"
    return [
        (
            run.name.partition(" uv")[0],
            tuple(each for each in run.args if each.startswith(("--quiet", "--up", "--out"))),
            {
                each["name"]: each["version"]
                for each in tomllib.loads(run.read(file).decode())["packages"]
            }
            if "--quiet" not in run.args
            else {},
        )
        for run in bridge.solver.ran
        if MADE in run.args
    ]


def relocked(files: dict[str, bytes], options: Mapping[str, str] | None = None) -> FakeBridge:
    return frontend(
        {**PROJECT, **files}, {"target": "lock", **(options or {})}, runner=resolver(SIX)
    )


OLD = b"""\
lock-version = "1.0"
created-by = "cogkit"
[[packages]]
name = "six"
version = "1.15.0"
upload-time = 2020-05-21T15:25:55Z
wheels = [{ url = "https://e.com/six-1.15.0-cp39-cp39-any.whl", hashes = { sha256 = "0" } }]
[[packages]]
name = "arm"
version = "1"
marker = "platform_machine == 'aarch64'"
sdist = { name = "arm-1.tar.gz" }
[[packages]]
name = "code"
version = "2"
vcs = { type = "git", url = "https://e.com/code", commit-id = "abc" }
[[packages]]
name = "project"
directory = { path = "." }
"""


def test_a_new_lock_starts_from_the_versions_of_the_old_one() -> None:
    ((_, how, versions),) = kept(relocked({"pylock.toml": OLD}))
    assert how == ("--output-file=pylock.toml",)
    # The file fits no Python that is built for, and the version stays all the same.
    assert versions == {"six": "1.15.0", "code": "2"}
    found = {row: versions for row, _, versions in kept(relocked({"pylock.toml": OLD}, BOTH))}
    assert "arm" not in found["[linux/amd64 lock]"]
    assert found["[linux/arm64 lock]"]["arm"] == "1"
    assert kept(relocked({})) == [("[lock]", ("--quiet",), {})]


def test_versions_move_where_that_is_asked_for() -> None:
    ((_, how, versions),) = kept(
        relocked({"pylock.toml": OLD}, {"build-arg:COGKIT_UPGRADE": "Six, code"})
    )
    assert how == ("--output-file=pylock.toml", "--upgrade-package=code", "--upgrade-package=six")
    assert versions["six"] == "1.15.0"
    bridge = relocked({"pylock.toml": OLD}, {"build-arg:COGKIT_UPGRADE": "*"})
    assert kept(bridge) == [("[lock]", ("--quiet", "--upgrade"), {})]
    (resolve,) = [run for run in bridge.solver.ran if MADE in run.args]
    assert resolve.name == "[lock] uv pip compile requirements.txt"
    wrong = relocked({"pylock.toml": OLD}, {"build-arg:COGKIT_UPGRADE": "sixx"})
    assert message(wrong) == (
        "pylock.toml: sixx cannot be upgraded: it is not locked (did you mean 'six'?)"
    )


def test_a_lock_that_cannot_be_read_keeps_nothing_and_says_so() -> None:
    bridge = relocked({"pylock.toml": b"<<<<<<< HEAD"})
    assert kept(bridge) == [("[lock]", ("--quiet",), {})]
    (warning,) = bridge.warnings
    assert warning.short.decode().endswith("(nothing of it is kept)")
    half = OLD.replace(b"wheels = [{ url", b"wheels = [3, { url")
    assert message(relocked({"pylock.toml": half})).endswith(
        "(keep nothing of it: `cog lock --upgrade`)"
    )


def test_the_lock_that_the_config_names_is_the_one_that_is_written() -> None:
    config = b"build: {lock: locks/pylock.toml, python_requirements: requirements.txt}\n"
    local = b"""\
lock-version = "1.0"
[[packages]]
name = "six"
version = "1.17.0"
wheels = [{ path = "wheels/six-1.17.0-py3-none-any.whl", hashes = { sha256 = "0" } }]
"""
    files = {**PROJECT, "cog.yaml": config}
    tree = frontend(files, {"target": "lock"}, runner=resolver(local)).tree()
    assert set(tree.files) == {"locks/pylock.toml"}
    (package,) = tomllib.loads(tree.files["locks/pylock.toml"].decode())["packages"]
    assert [each["path"] for each in package["wheels"]] == ["../wheels/six-1.17.0-py3-none-any.whl"]
    config = config.replace(b"pylock.toml", b"uv.lock")
    text = message(frontend({**files, "cog.yaml": config}, {"target": "lock"}))
    assert text == "cog.yaml:1:15: build.lock: locks/uv.lock is made by uv (run `uv lock`)"


def test_nothing_to_lock_is_said() -> None:
    text = message(frontend(GOOD, {"target": "lock"}))
    assert text.startswith("cog.yaml: there is nothing to lock")
