"""Projects as people have them: names, pins and files that must not get in the server's way."""

from __future__ import annotations

import base64
import json
import secrets
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from integration.conftest import SECOND_STORE, Workplace
from integration.frontend_images import run_docker
from integration.layers import commands_run

PYDANTIC_1 = "pydantic<2\ntyping-extensions==4.7.1\nclick==7.1.2\nhttpx==0.23.0\n"
HOSTILE_PREDICT = """\
import click
import httpx
import pydantic
import server
import cog_utils.paths
import frontend.pages
from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def setup(self):
        self.versions = [pydantic.VERSION, click.__version__, httpx.__version__]

    def predict(self, n: int = Input(default=2, ge=0)) -> list[str]:
        return [*self.versions, server.NAME, cog_utils.paths.NAME, frontend.pages.NAME] * (n > 0)
"""


def test_pins_and_names_of_the_user_meet_nothing_of_ours(place: Workplace) -> None:
    project = place.project(
        {
            "cog.yaml": "build:\n  python_version: 3.10\n  python_requirements: requirements.txt\n"
            "predict: predict.py:Predictor\n",
            "requirements.txt": PYDANTIC_1,
            "predict.py": HOSTILE_PREDICT,
            "server.py": "NAME = 'my server'\n",
            "litestar.py": "raise RuntimeError('the server imported the project')\n",
            "cog_utils/__init__.py": "",
            "cog_utils/paths.py": "NAME = 'my utils'\n",
            "frontend/__init__.py": "",
            "frontend/pages.py": "NAME = 'my pages'\n",
        }
    )
    tag = place.image(project)
    with place.serve(tag) as model:
        output = model.predict()["output"]
        assert output[0].startswith("1.")
        assert output[1:] == ["7.1.2", "0.23.0", "my server", "my utils", "my pages"]
    # Cog's own command line still starts the server, isolated in the same way.
    command = ("python", "-m", "cog.server.http")
    container = run_docker(place.engine, "run", "-d", tag, *command)
    try:
        for _ in range(300):
            script = "import urllib.request as u; print(u.urlopen('http://localhost:5000/health-check').read().decode())"
            try:
                health = run_docker(place.engine, "exec", container, "python", "-c", script)
            except RuntimeError:
                continue
            if json.loads(health)["status"] == "READY":
                break
        assert json.loads(health)["status"] == "READY", health
    finally:
        run_docker(place.engine, "rm", "--force", container)


def test_system_packages_and_commands(place: Workplace) -> None:
    project = place.project(
        {
            "cog.yaml": """\
build:
  python_version: "3.12"
  system_packages:
    - tree
    - jq
  python_packages:
    - six==1.17.0
  run:
    - pip install --no-cache-dir idna==3.10
    - tree --version > /tree.txt && python -c 'import six, idna' && echo "$GREETING" > /greeting.txt
    - |
      echo one > /two-lines.txt
      echo two >> /two-lines.txt
predict: predict.py:run
environment:
  - GREETING=good morning
""",
            "predict.py": """\
import os
import subprocess
from pathlib import Path

import idna
import six


def run(text: str) -> str:
    jq = subprocess.run(["jq", "-r", ".a"], input=text, text=True, capture_output=True).stdout
    files = [Path(f"/{name}.txt").read_text().strip() for name in ("greeting", "two-lines")]
    return "|".join([jq.strip(), six.__version__, *files, os.environ["GREETING"]])
""",
        }
    )
    with place.serve(place.image(project)) as model:
        output = model.predict(text='{"a": "x"}')["output"]
        assert output == "x|1.17.0|good morning|one\ntwo|good morning"
        assert model.run("find", "/var/lib/apt/lists", "-type", "f") == ""
        assert "pip" in model.run("python", "-m", "pip", "--version")
        model.run("python", "-m", "pip", "check")


def test_a_secret_is_readable_in_its_command_and_nowhere_else(place: Workplace) -> None:
    project = place.project(
        {
            "cog.yaml": """\
build:
  python_version: "3.12"
  run:
    - command: wc -c < /run/secrets/token > /length.txt
      mounts:
        - type: secret
          id: token
          target: /run/secrets/token
predict: predict.py:run
""",
            "predict.py": "def run() -> str:\n    return open('/length.txt').read().strip()\n",
        }
    )
    (project.parent / "token.txt").write_text("abcdefgh")
    tag = place.image(project, "--secret", f"id=token,src={project.parent / 'token.txt'}")
    with place.serve(tag) as model:
        assert model.predict()["output"] == "8"
        assert model.run("sh", "-c", "ls /run/secrets 2>/dev/null | wc -l").strip() == "0"
    _, without = place.build(project, "--no-cache-filter", "run")
    assert without.code
    assert "secret token: not found" in without.output
    assert ">>>         - type: secret" in without.output


def test_a_changed_secret_runs_its_command_again_and_is_nowhere(
    place: Workplace, tmp_path: Path
) -> None:
    project = place.project(
        {
            "cog.yaml": f"""\
build:
  python_version: "3.12"
  run:
    - echo {tmp_path} > /plain.txt
    - command: wc -c < /run/secrets/token > /length.txt && cat /proc/uptime >> /length.txt
      mounts: [{{type: secret, id: token, target: /run/secrets/token}}]
predict: predict.py:run
""",
            "predict.py": "def run() -> str:\n    return open('/length.txt').read().strip()\n",
        }
    )
    token = tmp_path / "token"
    values = [secrets.token_hex(24) for _ in range(2)]
    options = ["--secret", f"id=token,src={token}"]
    cache = tmp_path / "cache"
    if place.kind != SECOND_STORE:
        options += ["--provenance=mode=max", f"--cache-to=type=local,dest={cache},mode=max"]
    ran: list[set[str]] = []
    saved: list[Path] = []
    printed = ""
    for number, value in enumerate([values[0], values[0], values[1]]):
        token.write_text(value)
        tag, result = place.build(project, *options)
        assert result.code == 0, result.output
        printed += result.output
        ran.append({name for name in commands_run(result.output) if name.startswith("[run ")})
        saved.append(tmp_path / f"{number}.tar")
        run_docker(place.engine, "save", "--output", str(saved[-1]), tag)
    assert {name.partition("]")[0] for name in ran[0]} == {"[run 1/2", "[run 2/2"}
    assert ran[1] == set()
    assert {name.partition("]")[0] for name in ran[2]} == {"[run 2/2"}
    everything = [printed.encode(), *(data for path in saved for data in unpacked(path))]
    everything += [data for path in cache.rglob("*") if path.is_file() for data in unpacked(path)]
    assert len(everything) > 10
    assert any(b"/run/secrets/token" in data for data in everything), "the search sees commands"
    for value in values:
        assert not [data[:200] for data in everything if value.encode() in data]


def unpacked(path: Path) -> Iterator[bytes]:
    """What a file holds, and the members of an archive or of a compressed one."""
    yield path.read_bytes()
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            members = [archive.extractfile(member) for member in archive if member.isfile()]
            for number, content in enumerate(members):
                assert content is not None
                inner = path.with_name(f"{path.name}.{number}")
                inner.write_bytes(content.read())
                yield from unpacked(inner)
                inner.unlink()


def test_local_wheels_and_included_files(place: Workplace) -> None:
    project = place.project(
        {
            "cog.yaml": "build:\n  python_version: '3.12'\n  python_requirements: deps/all.txt\n"
            "predict: predict.py:run\n",
            "deps/all.txt": "-r more.txt\n./wheels/tiny-1.0-py3-none-any.whl\ncog==0.9.0\n",
            "deps/more.txt": "six==1.17.0\n",
            "predict.py": "import six, tiny, cog\n\ndef run() -> str:\n"
            "    return tiny.NAME + cog.__file__\n",
        }
    )
    _wheel(project / "wheels/tiny-1.0-py3-none-any.whl")
    with place.serve(place.image(project)) as model:
        assert model.predict()["output"] == "tiny/opt/cog/lib/cog/__init__.py"


def _wheel(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny.py", "NAME = 'tiny'\n")
        wheel.writestr(
            "tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        )
        wheel.writestr(
            "tiny-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")


def test_files_in_and_out(one_place: Workplace) -> None:
    project = one_place.project(
        {
            "cog.yaml": "build:\n  python_version: '3.12'\npredict: predict.py:Predictor\n",
            "predict.py": """\
from cog import BasePredictor, Path


class Predictor(BasePredictor):
    def predict(self, data: Path) -> Path:
        out = Path("/tmp/upper.txt")
        out.write_text(data.read_text().upper())
        return out
""",
        }
    )
    with one_place.serve(one_place.image(project)) as model:
        url = "data:text/plain;base64," + base64.b64encode(b"quiet").decode()
        output = model.predict(data=url)["output"]
        head, _, body = output.partition(",")
        assert head == "data:text/plain;base64"
        assert base64.b64decode(body) == b"QUIET"
