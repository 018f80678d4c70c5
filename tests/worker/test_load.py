from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import cog
from cog.worker.failure import LoadError
from cog.worker.load import handler_of, load, setup_arguments


@pytest.mark.parametrize(
    ("source", "ref", "error"),
    [
        (
            "",
            "predictor.py:Predictor",
            "predictor.py:Predictor: there is no file 'predictor.py' in ",
        ),
        ("", "predict:Predictor", "predict:Predictor: there is no file 'predict' in "),
        (
            "class Predicter: ...",
            "predict.py:Predictor",
            "predict.py has no 'Predictor' (did you mean 'Predicter'?)",
        ),
        (
            "from cog import Path\ndef a(): ...\nclass B: ...",
            "predict.py:Xyz",
            "predict.py has no 'Xyz' (it defines a, B)",
        ),
        ("x = 1", "predict.py:Xyz", "predict.py has no 'Xyz' (it defines no class or function)"),
        (
            "x = 1",
            "predict.py:x",
            "predict.py:x is neither a class nor a function but int",
        ),
        (
            "import cog\nclass P(cog.BasePredictor):\n def setup(self): ...\n def go(self): ...",
            "predict.py:P",
            "predict.py:P defines no method run or predict (its methods are go, setup)",
        ),
        (
            "class P:\n def run(self): ...\n def predict(self): ...",
            "predict.py:P",
            "predict.py:P defines both run and predict; keep run",
        ),
        (
            "class Other: ...",
            "predict.py",
            "predict.py has no Runner or Predictor; write predict.py:Name (it defines Other)",
        ),
    ],
)
def test_a_reference_that_leads_nowhere_says_what_there_is(
    tmp_path: Path, source: str, ref: str, error: str
) -> None:
    (tmp_path / "predict.py").write_text(source)
    with pytest.raises(LoadError) as caught:
        load(ref, tmp_path)
    assert str(caught.value).startswith(error)


class Runner(cog.BaseRunner):
    def run(self) -> Iterator[int]:
        yield 1


class Concurrent:
    def setup(self) -> None: ...

    @cog.streaming
    @cog.concurrent(max=4)
    async def predict(self) -> None: ...


class Called:
    async def __call__(self, image: cog.Path) -> None: ...


def test_a_handler_says_what_it_is() -> None:
    runner = handler_of(Runner, "r")
    assert (runner.is_async, runner.streaming, runner.concurrent_max) == (False, False, None)
    assert (runner.setup, runner.healthcheck) == (None, None)
    concurrent = handler_of(Concurrent, "c")
    assert (concurrent.is_async, concurrent.streaming, concurrent.concurrent_max) == (True, True, 4)
    assert concurrent.setup is not None


def test_an_instance_that_can_be_called_is_a_function() -> None:
    handler = handler_of(Called(), "c")
    assert handler.is_async
    assert repr(handler.inputs) == "<Inputs image>"


def no_weights(self: object) -> None: ...
def raw(weights): ...  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - as users write it
def path(weights: cog.Path) -> None: ...


def test_setup_gets_weights_as_it_asks_for_them() -> None:
    assert setup_arguments(no_weights, "w") == {}
    assert setup_arguments(raw, None) == {"weights": None}
    assert setup_arguments(raw, "w") == {"weights": "w"}
    assert setup_arguments(path, "w") == {"weights": cog.Path("w")}
    assert setup_arguments(path, None) == {"weights": None}
    assert setup_arguments(path, "https://h/w") == {"weights": "https://h/w"}
