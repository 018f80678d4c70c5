"""The examples of ``llb/README.md``, run as a reader would run them."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

import buildkit_llb
from buildkit_llb import Definition, dump, validate

README = (Path(buildkit_llb.__file__).parents[1] / "README.md").read_text()


def blocks(language: str) -> dict[str, str]:
    """The code blocks of one language by the file name behind it."""
    return dict(re.findall(rf"```{language} (\S+)\n(.*?)```", README, re.DOTALL))


EXAMPLES = blocks("python")


def piped(name: str, monkeypatch: pytest.MonkeyPatch) -> Definition:
    """Run an example and return what it wrote."""
    pipe = io.BytesIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", io.TextIOWrapper(pipe, write_through=True))
        exec(compile(EXAMPLES[name], name, "exec"), {"__name__": "__main__"})
        data = pipe.getvalue()
    return Definition.from_bytes(data)


def test_there_are_three_examples() -> None:
    assert list(EXAMPLES) == ["hello.py", "packages.py", "layers.py"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_writes_a_definition_that_daemons_take(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = piped(name, monkeypatch)
    validate(definition)
    assert len(definition.ops) >= 3


def test_what_is_shown_is_what_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = blocks("text")
    assert list(shown) == ["hello.py"]
    for name, text in shown.items():
        assert text == dump(piped(name, monkeypatch))


def test_every_public_name_is_in_the_readme() -> None:
    said = set(re.findall(r"\w+", README))
    assert set(buildkit_llb.__all__) - said == set()


def test_every_public_name_says_what_it_promises() -> None:
    for name in buildkit_llb.__all__:
        assert (getattr(buildkit_llb, name).__doc__ or "").strip(), name
