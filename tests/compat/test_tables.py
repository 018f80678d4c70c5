"""The tables: each row answers for itself, and their text is what the generator writes."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import cog_compat
from cog_compat.cuda import resolve_image
from cog_compat.frameworks import resolve_framework
from cog_compat.rows import (
    FrameworkRow,
    ImageRow,
    TorchRow,
    image_rows,
    jax_rows,
    onnxruntime_rows,
    tensorflow_rows,
    torch_rows,
)
from cog_compat.torch import resolve_torch
from tools.update_compat import DATA, DESCRIPTIONS, module

FRAMEWORK_ROWS = [*tensorflow_rows(), *jax_rows(), *onnxruntime_rows()]


@pytest.mark.parametrize("row", torch_rows(), ids=str)
def test_every_torch_build_resolves_to_itself(row: TorchRow) -> None:
    assert row.pythons
    for python in row.pythons:
        cpu = row.cuda is None
        found = resolve_torch(f"=={row.version}", python=python, cuda=row.cuda or "", cpu=cpu)
        assert (found.version, found.cuda, found.note) == (row.version, row.cuda, "")
        assert (found.backend == "") == row.on_pypi


@pytest.mark.parametrize("row", [row for row in FRAMEWORK_ROWS if row.pythons], ids=str)
def test_every_framework_resolves_to_itself(row: FrameworkRow) -> None:
    for python in row.pythons:
        found = resolve_framework(row.name, f"=={row.version}", python=python, cuda=row.cuda)
        assert found.version == str(row.version)
        assert (found.cuda, found.cudnn, found.extras) == (row.cuda, row.cudnn, row.extras)
        assert found.note == ""


@pytest.mark.parametrize("row", image_rows(), ids=str)
def test_every_image_resolves_to_itself(row: ImageRow) -> None:
    assert resolve_image(row.cuda, row.cudnn) == row
    assert resolve_image(row.minor).minor == row.minor


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_tables_are_as_the_generator_writes_them(name: str) -> None:
    rows = importlib.import_module(f"cog_compat.data.{name}").ROWS
    assert (DATA / f"{name}.py").read_text() == module(name, rows, DESCRIPTIONS)


def test_no_table_is_without_a_generator() -> None:
    folder = Path(cog_compat.__file__).parent / "data"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(DESCRIPTIONS)


def test_versions_fall_from_row_to_row() -> None:
    for rows in (torch_rows(), tensorflow_rows(), jax_rows(), onnxruntime_rows()):
        versions = [row.version for row in rows]
        assert versions == sorted(versions, reverse=True)
