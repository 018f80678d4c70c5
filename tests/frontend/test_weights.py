"""``weights`` of cog.yaml: their layers, and what they take out of the project's own."""

from __future__ import annotations

import pytest

from cog_frontend import plan
from cog_frontend.config import read_config
from cog_frontend.errors import ProjectError
from cog_frontend.plan.model import Copy, Fetch, Layer
from cog_frontend.project import read_project
from tests.frontend.test_cases import frontend, graph

DIGEST = "sha256:" + 64 * "1"
URL = "https://example.com/models/my%20model.safetensors?download=true"
CONFIG = f"""\
weights:
  - name: base
    target: /weights/base
    source: {{uri: "{URL}", checksum: "{DIGEST}"}}
  - target: /weights/local
    source:
      - ./models
      - uri: file://extra
        include: ["*.bin"]
        exclude: [old.bin]
"""


def layers(text: str) -> dict[str, Layer]:
    config = read_config(text.encode())
    project = read_project(config, ("cog.yaml", text.encode()), lambda _: None)
    return {each.name: each for each in plan.make_plan(config, project, version="1").layers}


def test_every_place_is_a_layer_of_its_own() -> None:
    found = layers(CONFIG)
    assert [name for name in found if name.startswith("weights")] == [
        *("weights/base", "weights/2-1", "weights/2-2"),
    ]
    (download,) = found["weights/base"].steps
    assert isinstance(download, Fetch)
    assert (download.url, download.checksum) == (URL, DIGEST)
    assert download.dest == "/weights/base/my model.safetensors"
    assert download.span is not None
    assert download.span.start_line == 4
    (copy,) = found["weights/2-2"].steps
    assert isinstance(copy, Copy)
    assert (copy.path, copy.dest, copy.include, copy.exclude) == (
        *("/extra", "/weights/local/", ("*.bin",), ("old.bin",)),
    )


def test_what_is_weights_is_not_in_the_layer_of_the_source() -> None:
    (source,) = layers(CONFIG)["source"].steps
    assert isinstance(source, Copy)
    assert source.exclude == ("models", "extra/*.bin", "!extra/old.bin")


def test_no_layer_of_weights_stands_on_anything() -> None:
    for name, layer in layers(CONFIG).items():
        if name.startswith("weights"):
            assert (layer.needs, layer.executes) == ((), False)


def test_a_download_is_a_source_with_its_checksum() -> None:
    text = graph(frontend({"cog.yaml": CONFIG.encode()}))
    assert f"    {URL}\n" in text
    assert f"http.checksum {DIGEST}" in text
    assert "src=/models dest=/weights/local/" in text


def test_each_is_explained_at_its_line() -> None:
    config = read_config(CONFIG.encode())
    project = read_project(config, ("cog.yaml", CONFIG.encode()), lambda _: None)
    found = plan.record(
        plan.make_plan(config, project, version="1"), config_file="cog.yaml", version="1"
    )
    assert [(each.topic, each.at) for each in found.decisions if "weights" in each.topic] == [
        ("weights/base", "cog.yaml:4"),
        ("weights/2-1", "cog.yaml:7"),
        ("weights/2-2", "cog.yaml:8"),
    ]


def test_a_hub_is_refused_by_name() -> None:
    text = f"weights:\n  - target: /w\n    source: hf://owner/name@{40 * 'a'}\n"
    with pytest.raises(ProjectError, match="a hub is not supported yet") as caught:
        layers(text)
    (problem,) = caught.value.problems
    assert problem.span is not None
    assert problem.span.start_line == 3
