"""The servers of all examples against their own OpenAPI documents: schemathesis, every check.

COG_SCHEMATHESIS_EXAMPLES asks for more than the few examples of an ordinary run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cog_frontend.schema import openapi, read_predictor, schema_json
from tests.server.test_end_to_end import Running

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/cog.yaml"))
COUNT = os.environ.get("COG_SCHEMATHESIS_EXAMPLES", "20")


def prepare(example: str, folder: Path) -> str:
    """Copy an example to where it can be served, with its document; return its handler."""
    shutil.copytree(ROOT / "examples" / example, folder, dirs_exist_ok=True)
    config = yaml.safe_load((folder / "cog.yaml").read_text())
    ref: str = config.get("run") or config["predict"]

    def read(name: str) -> bytes | None:
        path = folder / name
        return path.read_bytes() if path.is_file() else None

    document = openapi(read_predictor(ref, read), version="0.0.0")
    (folder / ".cog").mkdir()
    (folder / ".cog" / "openapi_schema.json").write_text(schema_json(document))
    return ref


@pytest.mark.parametrize("example", EXAMPLES)
def test_schemathesis_finds_nothing(example: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    server = Running(project, [], {"COG_PREDICT_TYPE_STUB": prepare(example, project)})
    try:
        server.wait("READY")
        run = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
                *("run", f"http://127.0.0.1:{server.port}/openapi.json"),
                *("--exclude-path", "/shutdown"),  # it would stop the server
                *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", COUNT),
                *("--checks", "all", "--no-color", "--seed", "1"),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr + server.log
        assert server.status() == "READY"
        assert '"level": "error"' not in server.log
    finally:
        server.end()
