"""Projects as dicts of text, for tests that read predictors."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pytest

from cog_frontend.errors import Problem, ProjectError
from cog_frontend.schema import Predictor, read_predictor
from cog_frontend.schema.model import Mode


def read_files(
    files: Mapping[str, str | bytes],
    ref: str = "predict.py:Predictor",
    mode: Mode = "predict",
) -> Predictor:
    def read(path: str) -> bytes | None:
        content = files.get(path)
        return content.encode() if isinstance(content, str) else content

    return read_predictor(ref, read, mode=mode)


def read_source(source: str, name: str = "Predictor", mode: Mode = "predict") -> Predictor:
    """Read one file; its text may be indented as a whole."""
    return read_files({"predict.py": textwrap.dedent(source)}, f"predict.py:{name}", mode)


def problems(
    files: Mapping[str, str | bytes],
    ref: str = "predict.py:Predictor",
    mode: Mode = "predict",
) -> tuple[Problem, ...]:
    with pytest.raises(ProjectError) as caught:
        read_files(files, ref, mode)
    return caught.value.problems


def problem(source: str, name: str = "Predictor", mode: Mode = "predict") -> str:
    """Return the only problem of one file as a person sees it."""
    (only,) = problems({"predict.py": textwrap.dedent(source)}, f"predict.py:{name}", mode)
    return str(only)


def with_output(annotation: str, extra: str = "") -> str:
    """Return a predictor that returns ``annotation``."""
    imports = "from typing import *\nfrom cog import *\n"
    body = f"class Predictor:\n    def predict(self) -> {annotation}: ...\n"
    return f"{imports}{textwrap.dedent(extra)}\n{body}"


def with_input(annotation: str, default: str = "", extra: str = "") -> str:
    """Return a predictor with one input called ``value``."""
    imports = "from typing import *\nfrom cog import *\n"
    given = f" = {default}" if default else ""
    body = f"class Predictor:\n    def predict(self, *, value: {annotation}{given}) -> str: ...\n"
    return f"{imports}{textwrap.dedent(extra)}\n{body}"
