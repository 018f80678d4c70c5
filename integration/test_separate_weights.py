"""Large files of a project on a real engine: layers of their own, equal in every model."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

from integration.conftest import Workplace
from integration.layers import Pushed, push

CONFIG = "run: predict.py:run\n"
PREDICT = """\
from pathlib import Path


def run() -> dict[str, int]:
    files = (path for path in Path("models").rglob("*") if path.is_file())
    return {str(path): path.stat().st_size for path in sorted(files)}
"""
LARGE = random.Random(1).randbytes(64_000_001)
MIDDLE = random.Random(2).randbytes(11_000_000)
SMALL = b'{"hidden": 4096}'
FILES: dict[str, str | bytes] = {
    "cog.yaml": CONFIG,
    "predict.py": PREDICT,
    "models/base/model.bin": LARGE,
    "models/base/more.bin": MIDDLE,
    "models/base/config.json": SMALL,
}
LISTED = re.compile(r"^#(\d+) \[internal\] list the build context$", re.MULTILINE)


def pushed(place: Workplace, project: Path, *options: str) -> tuple[str, Pushed]:
    tag = place.image(project, *options)
    return tag, push(place.engine, tag, tag)


def layers_with(image: Pushed, name: str) -> list[str]:
    """The layers that have a file, by digest."""
    return [
        digest
        for digest, _ in image.layers
        if any(entry.name == name and entry.isreg() for entry, _ in image.files(digest))
    ]


def test_a_large_file_is_a_layer_that_code_and_models_share(place: Workplace) -> None:
    one = place.project(FILES)
    two = place.project({**FILES, "predict.py": f"# another\n{PREDICT}", "notes.txt": "other"})
    os.utime(two / "models/base/model.bin", (1, 1))
    _, first = pushed(place, one)
    tag, other = pushed(place, two)
    (large,) = layers_with(first, "src/models/base/model.bin")
    (small,) = layers_with(first, "src/models/base/more.bin")
    assert layers_with(first, "src/models/base/config.json") == [small]
    assert large != small
    # Another model with the same files has the same layers.
    assert layers_with(other, "src/models/base/model.bin") == [large]
    assert other.bytes_beyond(first) < 100_000
    # The layer is the same on any builder: nothing in it says when or where it was made.
    for digest in (large, small):
        late = {entry.name: entry.mtime for entry, _ in first.files(digest)}
        assert late == dict.fromkeys(late, 315532800)
    (one / "predict.py").write_text(f"# edited\n{PREDICT}")
    _, edited = pushed(place, one)
    assert edited.bytes_beyond(first) < 100_000
    with place.serve(tag) as model:
        assert model.predict()["output"] == {
            "models/base/config.json": len(SMALL),
            "models/base/model.bin": len(LARGE),
            "models/base/more.bin": len(MIDDLE),
        }


def test_a_file_that_grows_changes_its_layer_alone(one_place: Workplace) -> None:
    project = one_place.project(FILES)
    _, first = pushed(one_place, project)
    (project / "models/base/new.bin").write_bytes(LARGE[::-1])
    _, second = pushed(one_place, project)
    (new,) = layers_with(second, "src/models/base/new.bin")
    (size,) = (size for digest, size in second.layers if digest == new)
    assert second.bytes_beyond(first) - size < 100_000


def test_files_are_listed_before_any_is_sent(one_place: Workplace) -> None:
    _, result = one_place.build(one_place.project(FILES))
    assert result.code == 0, result.output
    (row,) = LISTED.findall(result.output)
    sent = re.findall(rf"^#{row} transferring context: (\S+)", result.output, re.MULTILINE)
    assert sent
    assert all(re.fullmatch(r"[0-9.]+k?B", each) for each in sent)


def test_smaller_weights_are_a_layer_where_that_is_asked_for(one_place: Workplace) -> None:
    files = {name: data for name, data in FILES.items() if data is not LARGE}
    project = one_place.project(files)
    _, usual = pushed(one_place, project)
    _, apart = pushed(one_place, project, "--build-arg", "COGKIT_SEPARATE_WEIGHTS=1")
    source = layers_with(usual, "src/predict.py")
    assert layers_with(usual, "src/models/base/more.bin") == source
    (weights,) = layers_with(apart, "src/models/base/more.bin")
    assert layers_with(apart, "src/models/base/config.json") == [weights]
    assert weights not in layers_with(apart, "src/predict.py")


def test_a_named_context_is_where_weights_come_from(one_place: Workplace) -> None:
    text = "weights:\n  - {name: base, target: /src/models, source: models}\nrun: predict.py:run\n"
    code = {"cog.yaml": text, "predict.py": PREDICT}
    project = one_place.project(code)
    data = one_place.scratch("weights")
    for name in ("models/base/model.bin", "models/base/config.json"):
        path, content = data / name, FILES[name]
        assert isinstance(content, bytes)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    option = f"--build-context=weights={data}"
    tag, named = pushed(one_place, project, option)
    # The same files of a project at the same places are the same layers.
    with_files = {name: FILES[name] for name in FILES if name.endswith(("model.bin", ".json"))}
    _, within = pushed(one_place, one_place.project({**with_files, **code}))
    (large,) = layers_with(named, "src/models/base/model.bin")
    assert layers_with(within, "src/models/base/model.bin") == [large]
    assert within.bytes_beyond(named) < 100_000
    with one_place.serve(tag) as model:
        assert model.predict()["output"] == {
            "models/base/config.json": len(SMALL),
            "models/base/model.bin": len(LARGE),
        }


def test_they_can_be_left_where_they_are(one_place: Workplace) -> None:
    project = one_place.project(FILES)
    _, image = pushed(one_place, project, "--build-arg", "COGKIT_SEPARATE_WEIGHTS=false")
    source = layers_with(image, "src/predict.py")
    assert layers_with(image, "src/models/base/model.bin") == source


def test_an_engine_that_cannot_list_makes_the_same_layers(old_place: Workplace) -> None:
    _, result = old_place.build(old_place.project(FILES))
    assert result.code == 0, result.output
    assert not LISTED.findall(result.output)
    image = push(old_place.engine, old_place.last_tag, old_place.last_tag)
    (large,) = layers_with(image, "src/models/base/model.bin")
    (small,) = layers_with(image, "src/models/base/config.json")
    assert large != small
    assert not {large, small} & {*layers_with(image, "src/predict.py")}
