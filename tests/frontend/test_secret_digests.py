"""Commands run again when a secret of theirs has another value; without one nothing is asked."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cog_frontend.plan import layout, secret_digests
from tests.fakes.bridge import FakeBridge
from tests.fakes.solver import Run
from tests.frontend.test_cases import frontend
from tests.frontend.test_session import GOOD

CONFIG = """\
build:
  run:
    - echo plain
    - command: cat /run/secrets/token
      mounts: [{type: secret, id: token, target: /run/secrets/token}]
run: predict.py:run
"""
USING = {**GOOD, "cog.yaml": CONFIG.encode(), "predict.py": b"def run() -> str:\n    return ''\n"}
MADE = f"{layout.BUILD_MADE}/{secret_digests.SECRETS_FILE}"


def built(digests: Mapping[str, str]) -> FakeBridge:
    def run(run: Run) -> Mapping[str, bytes]:
        return {MADE: json.dumps(digests).encode()} if MADE in run.args else {}

    return frontend(USING, runner=run)


def seen(bridge: FakeBridge) -> list[bytes | None]:
    """What each command of ``build.run`` sees of digests."""
    commands = [run for run in bridge.solver.ran if run.name.startswith("[run ")]
    return [
        run.read(layout.BUILD_DIGESTS) if layout.BUILD_DIGESTS in run.mounts else None
        for run in commands
    ]


def test_a_command_sees_the_digests_of_its_own_secrets() -> None:
    assert seen(built({"token": "one"})) == [None, b"token one\n"]
    assert seen(built({"token": "two"})) == [None, b"token two\n"]


def test_a_secret_that_is_not_given_is_the_error_of_its_command() -> None:
    assert seen(built({})) == [None, None]


def test_the_digests_are_made_in_every_build() -> None:
    (step,) = [
        (digest, definition)
        for definition in (each.definition for each in built({"token": "one"}).solves)
        for digest, metadata in definition.metadata.items()
        if dict(metadata.description).get("llb.customname", "").startswith("[secrets]")
    ]
    digest, definition = step
    assert definition.metadata[digest].ignore_cache


def test_a_build_without_secrets_does_not_pay() -> None:
    bridge = frontend({**USING, "cog.yaml": CONFIG.partition("    - command")[0].encode()})
    assert not [run for run in bridge.solver.ran if run.name.startswith("[secrets]")]


def test_the_step_writes_slow_digests_that_differ_by_value_and_id(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"hunter2")
    (tmp_path / "2").write_bytes(b"hunter2")
    made = tmp_path / "made.json"
    words = (sys.executable, "-I", "-c", secret_digests._DIGESTS, made, tmp_path, "a", "b", "c")
    subprocess.run(words, check=True)
    found = secret_digests.read_digests(made.read_bytes())
    assert set(found) == {"a", "c"}
    assert found["a"] != found["c"]
    salted = hashlib.pbkdf2_hmac("sha256", b"hunter2", b"cogkit secret a", 300_000)
    assert found["a"] == salted.hex()
    assert b"hunter2" not in made.read_bytes()
