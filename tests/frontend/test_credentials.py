"""Indexes that want a password: which commands get which secret, and what becomes of it."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from cog_frontend.plan import credentials, layout
from tests.fakes.solver import Run
from tests.frontend.test_cases import frontend, resolver
from tests.frontend.test_session import GOOD, SIX

CONFIG = b"""\
build:
  python_packages: [six]
  python_index:
    - https://open.example.com/simple
    - url: https://own.example.com:8443/simple
      name: own
      secret: own-index
    - url: https://mirror.example.com/simple
      default: true
"""
OWN = SIX.replace(b'name = "six-', b'url = "https://own.example.com/f/six-')


def secrets(run: Run) -> dict[str, str]:
    return {
        mount.secretOpt.ID: mount.dest for mount in run.op.mounts if mount.HasField("secretOpt")
    }


def test_uv_is_told_of_the_indexes_in_their_order() -> None:
    (lock,) = [
        run
        for run in frontend({**GOOD, "cog.yaml": CONFIG}, runner=resolver(SIX)).solver.ran
        if run.name.startswith("[lock]")
    ]
    assert [each for each in lock.args if "index" in each] == [
        "--index=https://open.example.com/simple",
        "--index=own=https://own.example.com:8443/simple",
        "--default-index=https://mirror.example.com/simple",
    ]
    assert secrets(lock) == {"netrc": layout.BUILD_NETRC, "own-index": "/run/cogkit/logins/0"}
    assert lock.env["COGKIT_LOGINS"] == "0=own.example.com"


@pytest.mark.parametrize(("lock", "needed"), [(SIX, False), (OWN, True)])
def test_an_install_has_the_secrets_of_its_own_files_only(lock: bytes, needed: bool) -> None:  # noqa: FBT001 - a table of cases
    bridge = frontend({**GOOD, "cog.yaml": CONFIG}, runner=resolver(lock))
    (install,) = [run for run in bridge.solver.ran if run.name.startswith("[packages")]
    assert ("own-index" in secrets(install)) is needed
    assert ("COGKIT_LOGINS" in install.env) is needed
    assert not [each for each in install.args if "example.com" in each]


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ("me:pa:ss", "machine h.example login me password pa:ss\n"),
        ("t0ken\n", "machine h.example login __token__ password t0ken\n"),
        ("machine a login b password c\n", "machine a login b password c\n"),
        ("default login b password c", "default login b password c\n"),
        ("me:%s\\n$(id)", "machine h.example login me password %s\\n$(id)\n"),
    ],
)
@pytest.mark.parametrize("given", ["", "machine g login h password i"])
def test_secrets_become_one_netrc(tmp_path: Path, secret: str, expected: str, given: str) -> None:
    script = credentials.LOGIN
    for place in (credentials.NETRC, layout.BUILD_NETRC, "/run/cogkit/logins"):
        script = script.replace(place, str(tmp_path / place.strip("/").replace("/", "-")))
    (tmp_path / "run-cogkit-logins").mkdir()
    (tmp_path / "run-cogkit-logins/0").write_text(secret)
    if given:
        (tmp_path / "run-cogkit-netrc").write_text(given)
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env={**os.environ, "COGKIT_LOGINS": "0=h.example"},
        capture_output=True,
        text=True,
        check=True,
    )
    netrc = tmp_path / "dev-shm-cogkit-netrc"
    assert netrc.read_text() == (f"{given}\n" if given else "") + expected
    assert stat.S_IMODE(netrc.stat().st_mode) == 0o600
    assert done.stdout + done.stderr == ""
