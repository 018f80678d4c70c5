"""The committed tables against the package index of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cog_compat.rows import TorchRow, torch_rows
from tools.update_compat import cuda_of, pythons_of
from tools.wheel_index import Index, configured_index


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    with configured_index(os.environ) as index:
        yield index


NEWEST, *_ = (row for row in torch_rows() if row.on_pypi)
CHECKED = [row for row in torch_rows() if row.on_pypi and str(row.version) in {"2.5.1", "2.11.0"}]


@pytest.mark.parametrize("row", [NEWEST, *CHECKED], ids=str)
def test_a_row_says_what_the_wheels_on_the_index_say(row: TorchRow, index: Index) -> None:
    wheels = index.releases("torch")[row.version]
    assert cuda_of(index.requirements(wheels[0])) == row.cuda
    assert pythons_of(wheels) == " ".join(row.pythons)
