"""``cog explain`` beside an image that was really built."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from integration.conftest import Workplace
from integration.frontend_images import ROOT, run_docker
from integration.model import image_config

CONFIG = """\
build:
  python_version: "3.12"
  python_packages:
    - six==1.17.0
  system_packages: [tree]
  run:
    - echo one > /one.txt
image: unnamed
run: predict.py:run
"""


def explain(place: Workplace, project: Path, *arguments: str) -> dict[str, Any]:
    cog = ROOT / ".venv/bin/cog"
    done = subprocess.run(
        [str(cog), "explain", "--json", *arguments],
        cwd=project,
        env={**os.environ, **place.engine.env},
        capture_output=True,
        text=True,
        check=True,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def is_cached(output: str, title: str) -> bool:
    """Whether a step of a build was not run again."""
    lines = (line.partition(" ") for line in output.splitlines())
    number = next(number for number, _, rest in lines if rest.startswith(title))
    return f"\n{number} CACHED\n" in output


def test_explain_knows_the_sizes_and_why_layers_would_be_rebuilt(place: Workplace) -> None:
    files = {"cog.yaml": CONFIG, "predict.py": "import six\n\ndef run() -> str:\n    return 'a'\n"}
    project = place.project(files)
    config = project / "cog.yaml"
    tag = place.image(project)
    config.write_text(config.read_text().replace("unnamed", tag))
    labels = image_config(place.engine, tag)["Labels"]
    assert labels["org.opencontainers.image.base.name"].endswith("library/python:3.12-slim")
    assert labels["org.opencontainers.image.base.digest"].startswith("sha256:")

    shown = explain(place, project)
    layers = {each["name"]: each for each in shown["layers"]}
    assert layers["packages/small"]["packages"] == ["six==1.17.0"]
    assert all(each["bytes"] for each in layers.values())
    # The runtime is the largest of them, and what docker counts is what is shown.
    assert max(layers.values(), key=lambda each: each["bytes"])["name"] == "runtime"
    sizes = run_docker(place.engine, "history", "--human=false", "--format", "{{.Size}}", tag)
    assert sum(each["bytes"] for each in layers.values()) < sum(map(int, sizes.split()))

    rebuilt = explain(place, project, "--why-rebuilt", tag)["changes"]
    assert [each["name"] for each in rebuilt] == ["schema"]  # `image:` was written into cog.yaml
    config.write_text(config.read_text().replace("echo one", f"echo {tag}"))
    rebuilt = explain(place, project, "--why-rebuilt", tag)["changes"]
    assert {each["name"] for each in rebuilt} == {"run", "schema"}
    _, result = place.build(project)
    assert result.code == 0, result.output
    assert not is_cached(result.output, "[run 1/1]")
    assert is_cached(result.output, "[packages small]")
