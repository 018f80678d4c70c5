"""How a build comes to know its packages: a solve of its own, before the last one."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from cog_frontend.plan import layout
from tests.fakes.bridge import FakeBridge
from tests.fakes.caps import GRAPHDRIVER, MODERN, Abilities
from tests.fakes.solver import Run, RunFailed
from tests.frontend.test_cases import frontend, graph, resolver
from tests.frontend.test_session import GOOD, SIX

MADE = f"{layout.BUILD_MADE}{layout.LOCK}"
PROJECT = {**GOOD, "cog.yaml": b"build: {python_packages: [six]}\n"}
SYSTEM = {**GOOD, "cog.yaml": b"build: {python_packages: [six], system_packages: [tree]}\n"}


def titles(bridge: FakeBridge) -> list[str]:
    return [run.name for run in bridge.solver.ran]


def locks(bridge: FakeBridge) -> list[Run]:
    return [run for run in bridge.solver.ran if MADE in run.args]


def test_a_project_without_packages_does_not_pay() -> None:
    one, two = (len(frontend(files, runner=resolver(SIX)).solves) for files in (GOOD, PROJECT))
    assert two > one
    empty = {**GOOD, "cog.yaml": b"build: {python_packages: [cog]}\n"}
    assert len(frontend(empty).solves) == one


def test_the_lock_is_in_the_image_and_on_its_label() -> None:
    bridge = frontend(PROJECT, runner=resolver(SIX))
    assert bridge.tree().files["src/.cog/pylock.toml"] == SIX
    assert b"run.cog.pip_freeze" in bridge.result.metadata["containerimage.config"]
    assert b"six==1.17.0" in bridge.result.metadata["containerimage.config"]


@pytest.mark.parametrize("caps", [MODERN, GRAPHDRIVER])
def test_a_group_is_asked_for_its_own_packages_and_nothing_else(caps: Abilities) -> None:
    bridge = frontend(PROJECT, caps=caps, runner=resolver(SIX))
    (run,) = [run for run in bridge.solver.ran if run.name.startswith("[packages small]")]
    assert run.read(f"{layout.BUILD_REQUIREMENTS}/pylock.toml").decode().count("[[packages]]") == 1
    assert "--no-deps" in run.args


@pytest.mark.parametrize("caps", [MODERN, GRAPHDRIVER])
def test_what_packages_do_not_decide_runs_while_they_are_resolved(caps: Abilities) -> None:
    bridge = frontend(SYSTEM, caps=caps, runner=resolver(SIX))
    lock = next(
        number
        for number, each in enumerate(bridge.solves)
        if "[lock]" in str(each.definition.metadata)
    )
    ahead = [each for each in bridge.solves[:lock] if each.evaluate]
    assert "apt-get install tree" in str(ahead[-1].definition.metadata)
    assert "create a Python" in str([each.definition.metadata for each in ahead])


@pytest.mark.parametrize("caps", [MODERN, GRAPHDRIVER])
def test_what_runs_ahead_does_not_run_again_for_the_image(caps: Abilities) -> None:
    bridge = frontend(SYSTEM, caps=caps, runner=resolver(SIX))
    installs = [run for run in bridge.solver.ran if "[system]" in run.name]
    assert len(installs) == 1
    assert len([run for run in bridge.solver.ran if "create a Python" in run.name]) == 1


def test_system_packages_are_there_where_it_does_not_work_without() -> None:
    def run(run: Run) -> Mapping[str, bytes]:
        has_tree = "/usr/bin/tree" in run.mounts["/"]
        if "apt" in run.args:
            return {"/usr/bin/tree": b""}
        return {MADE: SIX} if MADE in run.args and has_tree else {}

    bridge = frontend(SYSTEM, runner=run)
    assert bridge.result.ref.id
    assert len(locks(bridge)) == 2
    assert "once more" in locks(bridge)[0].args[2]
    assert "once more" not in locks(bridge)[1].args[2]
    first = frontend(SYSTEM, runner=resolver(SIX))
    assert len(locks(first)) == 1


def test_without_system_packages_a_failed_resolve_is_the_error_of_its_step() -> None:
    def run(run: Run) -> Mapping[str, bytes]:
        if MADE in run.args:
            raise RunFailed(1)
        return {}

    error = frontend(PROJECT, runner=run).error
    assert "did not complete successfully: exit code: 1" in error.message


def test_what_uv_answers_is_checked() -> None:
    error = frontend(PROJECT, runner=resolver(b"lock-version = '9'\n")).error
    assert error.message.startswith("pylock.toml: the lock file has lock-version '9'")


def test_hashes_in_the_requirements_hold() -> None:
    digests = {"a" * 64: True, "b" * 64: False}
    lock = SIX.replace(b'.whl" }', b'.whl", hashes = { sha256 = "' + b"a" * 64 + b'" } }')
    for digest, allowed in digests.items():
        config = f'build: {{python_packages: ["six==1.17.0 --hash=sha256:{digest}"]}}\n'
        bridge = frontend({**GOOD, "cog.yaml": config.encode()}, runner=resolver(lock))
        if allowed:
            assert bridge.result.ref.id
        else:
            assert "no file of six has a hash that the requirements allow" in bridge.error.message


def test_every_platform_has_its_own_lock() -> None:
    bridge = frontend(PROJECT, {"platform": "linux/amd64,linux/arm64"}, runner=resolver(SIX))
    assert len(locks(bridge)) == 2
    assert {run.op.meta.env[0] for run in locks(bridge)} == {"PATH=/usr/local/bin:/usr/bin:/bin"}


CODE = b"""\
lock-version = "1.0"
[[packages]]
name = "code"
vcs = { type = "git", url = "https://e.com/code", commit-id = "abc" }
"""


@pytest.mark.parametrize("caps", [MODERN, GRAPHDRIVER])
def test_git_is_there_for_packages_from_repositories_and_not_in_the_image(caps: Abilities) -> None:
    config = b"build: {python_requirements: requirements.txt}\n"
    text = b"code @ git+https://e.com/code\n"
    files = {**GOOD, "cog.yaml": config, "requirements.txt": text}

    def run(run: Run) -> Mapping[str, bytes]:
        if run.name == "[git] apt-get install git":
            return {"/usr/bin/git": b"git"}
        if "uv" in run.name:
            assert run.read("/usr/bin/git") == b"git", run.name
        return resolver(CODE)(run)

    bridge = frontend(files, caps=caps, runner=run)
    assert "[packages source] uv pip install code" in titles(bridge)
    assert "usr/bin/git" not in bridge.tree().files
    label = json.loads(bridge.result.metadata["containerimage.config"])["config"]["Labels"]
    assert label["run.cog.pip_freeze"] == "code @ git+https://e.com/code@abc"
    # A lock of the project's own needs it for the packages alone.
    locked = {**files, "pylock.toml": CODE, "requirements.txt": b"code\n"}
    assert "[git] apt-get install git" in titles(frontend(locked, caps=caps, runner=run))
    wheels = frontend(PROJECT, caps=caps, runner=resolver(SIX))
    assert "[git] apt-get install git" not in titles(wheels)


def test_with_an_agent_there_is_a_client_for_it() -> None:
    config = b"build: {ssh: default, python_packages: ['x @ git+ssh://git@e.com/x']}\n"
    bridge = frontend({**GOOD, "cog.yaml": config}, runner=resolver(CODE))
    assert "[git] apt-get install git openssh-client" in titles(bridge)


def test_built_packages_have_a_cache_for_their_base_image() -> None:
    sdist = b'lock-version = "1.0"\n[[packages]]\nname = "w"\nsdist = { name = "w-1.zip" }\n'
    text = graph(frontend(PROJECT, runner=resolver(SIX + sdist.partition(b"\n")[2])))
    assert "id=cogkit/uv-builds/docker.io/library/python:3.13-slim@sha256:" in text
    assert "mount cache /root/.cache/uv id=cogkit/uv shared" in text


@pytest.mark.parametrize(
    ("environment", "stands_on_wheels"),
    [("[GREETING=hello]", False), ("[UV_NO_BUILD_ISOLATION=1]", True)],
)
def test_what_is_built_without_isolation_stands_on_the_wheels(
    environment: str,
    stands_on_wheels: bool,  # noqa: FBT001 - a table of cases
) -> None:
    sdist = b'[[packages]]\nname = "w"\nsdist = { name = "w-1.zip" }\n'
    config = f"build: {{python_packages: [six]}}\nenvironment: {environment}\n".encode()

    def run(run: Run) -> Mapping[str, bytes]:
        if MADE in run.args:
            return {MADE: SIX + sdist}
        if run.name.startswith("[packages"):
            return {f"{layout.BUILD_MADE}{layout.VENV}/{run.name.split()[1]}": b""}
        return {}

    bridge = frontend({**GOOD, "cog.yaml": config}, runner=run)
    assert bridge.tree().files.keys() >= {"opt/venv/small]", "opt/venv/source]"}
    (built,) = [run for run in bridge.solver.ran if run.name.startswith("[packages source]")]
    assert (f"{layout.VENV}/small]" in built.mounts["/"]) is stands_on_wheels


def test_an_edit_of_the_environment_reinstalls_no_wheel() -> None:
    configs = [PROJECT["cog.yaml"] + f"environment: [A={value}]\n".encode() for value in "12"]
    one, two = (frontend({**GOOD, "cog.yaml": config}, runner=resolver(SIX)) for config in configs)
    installs = [
        [run.op.SerializeToString() for run in each.solver.ran if run.name.startswith("[packages")]
        for each in (one, two)
    ]
    assert installs[0] == installs[1]
