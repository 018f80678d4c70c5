"""``weights`` of cog.yaml: their layers, and what they take out of the project's own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from buildkit_llb import dump
from cog_frontend import plan
from cog_frontend.config import read_config
from cog_frontend.plan.model import Copy, Fetch, Layer
from cog_frontend.plan.separate import LARGE, MOST_ALONE, Listed, alone, bundled
from cog_frontend.project import read_project
from tests.fakes.bridge import FakeBridge
from tests.fakes.caps import MODERN, Abilities
from tests.fakes.tree import Entry
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
    (file,) = download.files
    assert (file.url, file.checksum) == (URL, DIGEST)
    assert file.path == "/weights/base/my model.safetensors"
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


BIG = bytes(LARGE + 1)
MIDDLE = bytes(11_000_000)
NO_LISTING = replace(MODERN, llb=set(MODERN.llb or ()) - {"source.local.metadatatransfer"})
PROJECT = {
    "cog.yaml": b"run: predict.py:run\n",
    "predict.py": b"def run() -> int:\n    return 1\n",
    "models/big.bin": BIG,
    "models/middle.bin": MIDDLE,
    "models/config.json": b"{}",
    "code/middle.bin": MIDDLE,
    "code/use.py": b"",
    "ignored/big.bin": BIG,
    ".dockerignore": b"ignored\n",
}


def listed(*files: tuple[str, int]) -> tuple[Listed, ...]:
    return tuple(Listed(path=path, size=size) for path, size in files)


@pytest.mark.parametrize("caps", [MODERN, NO_LISTING], ids=["names alone", "all of it"])
def test_large_files_are_layers_and_the_image_is_the_same(caps: Abilities) -> None:
    bridge = frontend(PROJECT, caps=caps)
    text = graph(bridge)
    assert "name: [weights/src/models/big.bin] copy 64 MB" in text
    assert "name: [weights/src/small files] copy 22 MB" in text
    assert "ignored" not in text.partition("name: [weights/")[2]
    found = {path for path in bridge.tree().entries if path.startswith("src/")}
    files = {f"src/{path}" for path in PROJECT if not path.startswith("ignored")}
    assert files <= found
    assert bridge.tree()["src/models/big.bin"].data == BIG


@pytest.mark.parametrize(
    ("options", "times"),
    [({}, 1), ({"target": "lock"}, 0), ({"build-arg:COGKIT_SEPARATE_WEIGHTS": "0"}, 0)],
)
def test_only_names_are_sent_for_the_listing_where_one_is_needed(
    options: dict[str, str], times: int
) -> None:
    text = [dump(each.definition) for each in frontend(PROJECT, options).solves]
    assert sum("local.metadatatransfer true" in each for each in text) == times


@pytest.mark.parametrize(("given", "expected"), [("", 0), ("true", 1), ("false", 0)])
def test_smaller_weights_are_a_layer_on_demand(given: str, expected: int) -> None:
    files = {path: data for path, data in PROJECT.items() if data is not BIG}
    options = {"build-arg:COGKIT_SEPARATE_WEIGHTS": given} if given else {}
    assert graph(frontend(files, options)).count("name: [weights/") == expected


def test_an_answer_that_is_none_is_refused() -> None:
    bridge = frontend(PROJECT, {"build-arg:COGKIT_SEPARATE_WEIGHTS": "perhaps"})
    assert "COGKIT_SEPARATE_WEIGHTS=perhaps must be true or false" in bridge.error.message


def test_a_folder_of_the_config_is_parted_too() -> None:
    config = "weights:\n  - {name: base, target: /w, source: models}\nrun: predict.py:run\n"
    bridge = frontend({**PROJECT, "cog.yaml": config.encode()})
    text = graph(bridge)
    assert "name: [weights/base/big.bin] copy 64 MB" in text
    assert "name: [weights/base] copy models" in text
    assert {"w/big.bin", "w/middle.bin", "w/config.json"} <= set(bridge.tree().entries)
    assert "src/models/big.bin" not in bridge.tree().entries


def test_names_that_are_patterns_stay_with_the_code() -> None:
    assert alone(listed(("a*.bin", LARGE + 1), (" b.bin", LARGE + 1), ("c", LARGE))) == ()


def test_a_part_chooses_its_paths_and_the_folders_on_the_way() -> None:
    (part,) = alone(listed(("a/b/c.bin", LARGE + 1), ("a/b/d.py", 1)))
    assert (part.include, part.exclude) == (*(("a",), ("a/*", "!a/b", "a/b/*", "!a/b/c.bin")),)


def test_more_large_files_than_an_image_has_layers_share_them() -> None:
    files = listed(*((f"{number:03}.bin", LARGE + 1) for number in range(200)))
    parts = alone(files)
    assert len(parts) <= MOST_ALONE
    assert sorted(path for part in parts for path in part.paths) == [each.path for each in files]
    before = {part.name: part.paths for part in parts}
    after = {part.name: part.paths for part in alone(files[1:])}
    assert sum(before[name] != after.get(name) for name in before) == 1


def test_what_lies_beside_weights_goes_with_them_unless_there_is_code() -> None:
    part = bundled(
        listed(
            *(("m/a.bin", LARGE + 1), ("m/b/tokens.txt", 5), ("c/a.bin", 10_000_000)),
            *(("c/d/e.py", 1), ("c/note.txt", 1), ("notes.ipynb", 20_000_000)),
        )
    )
    assert part is not None
    assert (part.paths, part.but, part.size) == (("m", "c/a.bin"), ("m/a.bin",), 10_000_005)
    assert bundled(listed(("m/a.bin", LARGE + 1))) is None


COMMIT = 40 * "a"
HUB = "https://hub.example.com/mirror"
LISTING = f"{HUB}/api/models/owner/name/revision/{COMMIT}?blobs=true"
SIBLINGS = [
    {"rfilename": "config.json", "size": 2, "blobId": "0"},
    {"rfilename": "big one.bin", "size": LARGE + 1, "lfs": {"sha256": 64 * "2"}},
    {"rfilename": "sub/small.bin", "size": 3, "lfs": {"sha256": 64 * "3"}},
    {"rfilename": "README.md", "size": 9},
]
HUB_CONFIG = f"""\
weights:
  - name: hub
    target: /w
    source: {{uri: "hf://owner/name@{COMMIT}", exclude: ["*.md"]}}
run: predict.py:run
"""


def from_hub(answer: object, config: str = HUB_CONFIG, endpoint: str = f"{HUB}/") -> FakeBridge:
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    at = f"{HUB}/owner/name/resolve/{COMMIT}"
    return frontend(
        {**PROJECT, "cog.yaml": config.encode()},
        {"build-arg:HF_ENDPOINT": endpoint},
        remotes={
            LISTING: {"model.json": data},
            f"{at}/config.json": {"config.json": b"{}"},
            f"{at}/big%20one.bin": {"big one.bin": b"big"},
            f"{at}/sub/small.bin": {"small.bin": b"sml"},
        },
    )


def test_a_repository_of_a_hub_is_fetched_by_commit_and_checksum() -> None:
    bridge = from_hub({"sha": COMMIT, "siblings": SIBLINGS})
    tree, text = bridge.tree(), graph(bridge)
    assert {path: tree[path].data for path in tree.entries if path.startswith("w/")} == {
        **{"w/config.json": b"{}", "w/big one.bin": b"big"},
        **{"w/sub": b"", "w/sub/small.bin": b"sml"},
    }
    assert f"http.checksum sha256:{64 * '2'}" in text
    assert "name: [weights/hub/big one.bin] download\n" in text
    assert bridge.warnings == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"<html>", f"{HUB} does not answer as a hub does"),
        ([], "does not answer as a hub does"),
        ({"siblings": [{}]}, "does not answer as a hub does"),
        ({"sha": "other", "siblings": []}, "the hub answers with commit other"),
        ({"siblings": [{"rfilename": "../x"}]}, "a file out of the repository: '../x'"),
        ({"siblings": SIBLINGS[3:]}, "there is no file of these patterns"),
    ],
)
def test_an_answer_of_a_hub_that_is_no_use_fails_at_its_line(answer: object, message: str) -> None:
    error = from_hub(answer).error.message
    assert message in error
    assert "cog.yaml:4" in error


def test_the_hub_is_the_public_one_unless_another_is_named() -> None:
    bridge = from_hub({}, endpoint="")
    text = [dump(each.definition) for each in bridge.solves]
    assert any("https://huggingface.co/api/models/owner/name/revision/" in each for each in text)


NAMED = {
    "context:weights": "local:data",
    "build-arg:COGKIT_SEPARATE_WEIGHTS": "0",
}
DATA: dict[str, dict[str, bytes | Entry]] = {
    "data": {"models/big.bin": BIG, "models/a.txt": b"of the context", "no/other.bin": b"1"}
}


def test_a_named_context_is_where_folders_of_weights_come_from() -> None:
    config = "weights:\n  - {name: base, target: /w, source: models}\nrun: predict.py:run\n"
    files = {**PROJECT, "cog.yaml": config.encode(), "models/a.txt": b"of the project"}
    bridge = frontend(files, NAMED, more=DATA)
    tree = bridge.tree()
    assert {path for path in tree.entries if path.startswith("w/")} == {"w/big.bin", "w/a.txt"}
    assert tree["w/a.txt"].data == b"of the context"
    assert tree["src/models/a.txt"].data == b"of the project"
    assert "name: [weights/base/big.bin] copy 64 MB" in graph(bridge)


def test_a_named_context_that_nothing_comes_from_is_refused() -> None:
    message = frontend(PROJECT, NAMED, more=DATA).error.message
    assert "context:weights: cog.yaml names no folder of weights" in message
