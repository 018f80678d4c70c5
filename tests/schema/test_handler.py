"""From a reference to the class or function, its method and its decorators."""

from __future__ import annotations

import pytest

from cog_frontend.schema import read_predictor
from tests.schema.reading import problem, problems, read_files, read_source

SIMPLE = "class Predictor:\n    def predict(self, a: str) -> str: ...\n"


@pytest.mark.parametrize("ref", ["predict.py:Predictor", "./predict.py:Predictor", "predict.py:"])
def test_reference_to_a_class(ref: str) -> None:
    predictor = read_files({"predict.py": SIMPLE}, ref)
    assert (predictor.file, predictor.name, predictor.method) == (
        "predict.py",
        "Predictor",
        "predict",
    )
    assert (predictor.kind, predictor.is_async, predictor.streaming) == ("class", False, False)
    assert predictor.concurrency_max is None


def test_reference_without_a_name_prefers_runner() -> None:
    source = SIMPLE + SIMPLE.replace("Predictor", "Runner").replace("predict", "run")
    assert read_files({"predict.py": source}, "predict.py:").name == "Runner"


def test_reference_to_a_function() -> None:
    predictor = read_source("async def go(a: str) -> str: ...", "go")
    assert (predictor.kind, predictor.method, predictor.is_async) == ("function", "go", True)
    assert [field.name for field in predictor.inputs] == ["a"]


@pytest.mark.parametrize(
    "source",
    [
        "from impl import Predictor",
        "from impl import Predictor as Other\nPredictor = Other",
        "import impl\nPredictor = impl.Predictor",
        "from impl import *",
        "class Predictor(impl.Predictor): pass\nimport impl",
    ],
)
def test_handler_that_another_file_defines(source: str) -> None:
    predictor = read_files({"predict.py": source, "impl.py": SIMPLE})
    assert [field.name for field in predictor.inputs] == ["a"]


def test_file_beside_the_handler_can_be_imported_both_ways() -> None:
    for statement in ("from .consts import N", "from consts import N", "from pkg.consts import N"):
        source = f"{statement}\nclass Predictor:\n    def predict(self, a: int = N) -> str: ..."
        files = {"pkg/run.py": source, "pkg/consts.py": "N = 5"}
        assert read_files(files, "pkg/run.py:Predictor").inputs[0].default == 5


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("predict.py", "names no class or function"),
        ("predict:Predictor", "names no class or function"),
        ("predict.py:A:B", "names no class or function"),
        (":Predictor", "names no class or function"),
        ("", "names no class or function"),
        ("/predict.py:Predictor", "leaves the project"),
        ("../predict.py:Predictor", "leaves the project"),
        ("a/../../predict.py:Predictor", "leaves the project"),
        ("a\\b.py:Predictor", "leaves the project"),
        ("predict.py:Pre dictor", "is not a name"),
        ("nothing.py:Predictor", "nothing.py is not in the project"),
    ],
)
def test_reference_that_leads_nowhere_is_a_problem_of_the_config(ref: str, message: str) -> None:
    (only,) = problems({"predict.py": SIMPLE}, ref)
    assert only.file == "cog.yaml"
    assert message in only.message


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        (SIMPLE, "Predicter", "there is no Predicter in predict.py (did you mean 'Predictor'?)"),
        (SIMPLE, "X", "there is no X in predict.py (did you mean 'Predictor'?)"),
        (SIMPLE.replace("Predictor", "P"), "", "there is no Runner or Predictor in predict.py"),
        ("Predictor = make()", "Predictor", "predict.py:1:1: Predictor is not a class or function"),
        ("from x import Predictor", "Predictor", "predict.py:1:1: Predictor is not a class"),
        ("X = 1", "print", "there is no print in predict.py"),
        ("class A:\n  def go(self): ...", "A", "class A has no method run() or predict()"),
        ("class A:\n  def pedict(self): ...", "A", "did you mean 'pedict'?"),
        ("from x import B\nclass A(B): ...", "A", "what it inherits from x.B is outside"),
        ("class A(A): ...", "A", "class A has no method"),
    ],
)
def test_what_is_no_handler_is_a_problem(source: str, name: str, expected: str) -> None:
    assert expected in problem(source, name)


def test_run_and_predict_in_one_class_are_a_problem_even_when_inherited() -> None:
    both = SIMPLE + "    def run(self, a: str) -> str: ...\n"
    assert "Predictor has both run() and predict() (keep run())" in problem(both)
    child = "class Child(Predictor):\n    def run(self, a: str) -> str: ...\n"
    assert "Child has both" in problem(SIMPLE + child, "Child")


def test_train_finds_a_function_or_a_train_method() -> None:
    source = "class T:\n    def train(self, a: str) -> str: ...\n    def predict(self): ...\n"
    assert read_source(source, "T", "train").method == "train"
    assert read_source("def train(a: str) -> str: ...", "train", "train").mode == "train"
    assert read_source(SIMPLE, "Predictor", "train").method == "predict"


@pytest.mark.parametrize(
    ("decorator", "streaming", "concurrency"),
    [
        ("@streaming", True, None),
        ("@streaming()", True, None),
        ("@cog.streaming", True, None),
        ("@s", True, None),
        ("@cog.concurrent", False, 1),
        ("@concurrent()", False, 1),
        ("@concurrent(max=4)", False, 4),
        ("@cog.concurrent(max=2 * N)", False, 6),
        ("@streaming\n    @torch.inference_mode()\n    @concurrent(max=2)", True, 2),
        ("@torch.inference_mode()", False, None),
    ],
)
def test_decorators(decorator: str, *, streaming: bool, concurrency: int | None) -> None:
    source = (
        "import cog, torch\nfrom cog import streaming, concurrent, streaming as s\nN = 3\n"
        f"class Predictor:\n    {decorator}\n    async def predict(self, a: str) -> str: ...\n"
    )
    predictor = read_source(source)
    assert predictor.streaming is streaming
    assert predictor.concurrency_max == concurrency


@pytest.mark.parametrize(
    ("decorator", "message"),
    [
        ("@concurrent(max=0)", "max must be a whole number from 1, not 0"),
        ("@concurrent(max=True)", "max must be a whole number from 1, not True"),
        ("@concurrent(max='2')", "max must be a whole number from 1, not '2'"),
        ("@concurrent(max=2)", "concurrent(max=2) needs an async handler (write `async def pre"),
        ("@concurrent(max=count())", "is not known before the code runs"),
        ("@concurrent(2)", "concurrent() takes its number by name (write concurrent(max=...))"),
        ("@concurrent(most=2)", "concurrent() has no argument 'most'"),
        ("@concurrent(**x)", "concurrent() has no argument '**'"),
    ],
)
def test_wrong_concurrency_is_a_problem(decorator: str, message: str) -> None:
    source = (
        f"from cog import concurrent\ndef count(): ...\n{decorator}\ndef predict() -> str: ...\n"
    )
    assert message in problem(source, "predict")


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("def predict() -> str", "predict() does not take the instance first"),
        ("def predict(prompt: str) -> str", "predict() does not take the instance first"),
        ("def predict(self, a: str, /) -> str", "input a: it cannot be given by name"),
    ],
)
def test_parameters_that_cannot_be_given_are_a_problem(signature: str, message: str) -> None:
    assert message in problem(f"class Predictor:\n    {signature}: ...\n")


@pytest.mark.parametrize(
    "signature",
    [
        "def predict(self, a: str) -> str",
        "def predict(self: 'Predictor', /, a: str) -> str",
        "def predict(this, a: str) -> str",
        "def predict(self, *, a: str) -> str",
        "@staticmethod\n    def predict(a: str) -> str",
        "@classmethod\n    def predict(cls, a: str) -> str",
    ],
)
def test_first_parameter_of_a_method_is_no_input(signature: str) -> None:
    predictor = read_source(f"class Predictor:\n    {signature}: ...\n")
    assert [field.name for field in predictor.inputs] == ["a"]


def test_variable_parameters_are_no_inputs_and_a_warning_says_so() -> None:
    predictor = read_source("def go(a: str, *rest: str, **more: str) -> str: ...", "go")
    assert [field.name for field in predictor.inputs] == ["a"]
    assert [one.message.split()[0] for one in predictor.warnings] == ["*rest", "**more"]


@pytest.mark.parametrize("parameters", ["self", "self, weights", "self, weights=None, x=1"])
def test_setup_may_take_weights(parameters: str) -> None:
    read_source(f"{SIMPLE}    def setup({parameters}): ...\n")


def test_setup_that_asks_for_more_is_a_problem() -> None:
    source = f"{SIMPLE}    async def setup(self, weights, device): ...\n"
    assert "setup() is called with weights at most, not with device" in problem(source)


def test_only_the_files_that_names_need_are_read() -> None:
    asked: list[str] = []
    source = (
        "import torch, numpy as np, os\nfrom unused import thing\nfrom used import N\n"
        "from cog import Input\nclass Predictor:\n"
        "    def predict(self, a: int = Input(default=N, ge=0)) -> str: ...\n"
    )

    files = {"predict.py": source, "used.py": "N = 1"}

    def read(path: str) -> bytes | None:
        asked.append(path)
        return files[path].encode() if path in files else None

    read_predictor("predict.py:Predictor", read)
    assert asked == ["predict.py", "used/__init__.py", "used.py"]


def test_files_that_import_everything_from_each_other_come_to_an_end() -> None:
    others = {name: "\n".join(f"from {one} import *" for one in "abcd") for name in "abcd"}
    files = {f"{name}.py": text for name, text in others.items()}
    source = f"{others['a']}\nclass Predictor:\n    def predict(self, v: Lost) -> str: ...\n"
    (only,) = problems({**files, "predict.py": source})
    assert "`Lost` is not defined in this file" in only.message
    assert read_files({**files, "predict.py": source, "d.py": "Lost = int"}).inputs[0].name == "v"


def test_large_enum_is_read_once() -> None:
    members = "".join(f"    M{number} = {number}\n" for number in range(2000))
    listed = ", ".join(f"Big.M{number}.value" for number in range(2000))
    source = (
        f"from cog import Input\nfrom enum import Enum\nclass Big(Enum):\n{members}"
        f"def go(v: int = Input(choices=[{listed}])) -> str: ...\n"
    )
    assert len(read_source(source, "go").inputs[0].choices) == 2000
