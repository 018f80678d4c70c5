from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import cog
from cog_frontend.version import VERSION

ROOT = Path(__file__).parents[2]

NAMES = [
    "AsyncConcatenateIterator", "BaseModel", "BasePredictor", "BaseRunner", "CancelationException",
    "ConcatenateIterator", "ExperimentalFeatureWarning", "FieldInfo", "File", "Input", "Opaque",
    "Path", "Secret", "URLFile", "URLPath", "__version__", "concurrent", "current_scope",
    "emit_metric", "streaming",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_cog_can_be_imported(name: str) -> None:
    assert name in cog.__all__
    assert hasattr(cog, name)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("cog.exceptions", "CancelationException"),
        ("cog.exceptions", "CancellationException"),
        ("cog.input", "Input"),
        ("cog.model", "BaseModel"),
        ("cog.predictor", "BasePredictor"),
        ("cog.predictor", "BaseRunner"),
        ("cog.types", "Path"),
        ("cog.types", "Input"),
        ("cog.types", "ConcatenateIterator"),
    ],
)
def test_modules_that_projects_import_from(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name)


def test_a_cancelation_passes_except_exception() -> None:
    assert not issubclass(cog.CancelationException, Exception)


def test_the_version_is_that_of_the_distribution() -> None:
    assert cog.__version__ == VERSION


def test_it_imports_without_warnings_and_without_network_modules() -> None:
    code = (
        "import sys; before = set(sys.modules); from cog import BasePredictor, wire\n"
        "class P(BasePredictor):\n    def predict(self): ...\n"
        "print(sorted({'http.client', 'urllib.request', 'ssl', 'asyncio', 'email'} & "
        "(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT / "server")},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[]\n", "")
