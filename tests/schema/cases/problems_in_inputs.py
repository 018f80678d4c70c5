import os
import random

import settings
from cog import BasePredictor, Input, Path
from pydantic import Field

CHANGED = ["a"]
CHANGED.append("b")
if os.environ.get("BIG"):
    LIMIT = 10
else:
    LIMIT = 5
TWICE = 1
TWICE = 2
for LOOPED in range(3):
    pass
ROUND = RING
RING = ROUND


def bounded(value, **rest):
    return Input(default=value, **rest)


class Predictor(BasePredictor):
    def predict(
        self,
        changed: str = Input(choices=CHANGED),
        conditional: int = Input(ge=LIMIT),
        twice: int = TWICE,
        looped: int = LOOPED,
        circle: int = ROUND,
        environment: str = Input(default=os.environ["NAME"]),
        outside: str = settings.NAME,
        called: str = random.choice(["a"]),
        wrong_default: int = "x",
        wrong_items: list[int] = ["x"],
        whole: int = 1.5,
        boolean: int = True,
        infinite: float = 1e999,
        text: str = b"bytes",
        below: int = Input(default=0, ge=1),
        above: int = Input(default=11, le=10),
        crossed: int = Input(ge=5, le=3),
        short: str = Input(default="", min_length=1),
        long: str = Input(default="abc", max_length=2),
        negative: str = Input(min_length=-1),
        lengths: str = Input(min_length=3, max_length=2),
        mismatch: str = Input(default="abc", regex="^x"),
        pattern: str = Input(regex="("),
        helper: str = bounded("abc", max_length=2),
        bound_type: int = Input(ge="1"),
        length_type: str = Input(max_length=1.5),
        misplaced_bound: str = Input(ge=1),
        misplaced_length: int = Input(max_length=1),
        empty: str = Input(choices=[]),
        not_a_list: str = Input(choices="abc"),
        wrong_choice: str = Input(choices=["a", 1]),
        file_choice: Path = Input(choices=["a"]),
        not_chosen: int = Input(default=5, choices=[1, 2]),
        union_bound: int | str = Input(ge=1),
        accept: str = Input(accept="image/*"),
        factory: dict = Input(default_factory=dict),
        renamed: int = Input(gt=1),
        misspelt: int = Input(deafult=1),
        pydantic: int = Field(default=1),
        two: int = Input(1, 2),
        divided: float = 1 / 0,
        surrogate: str = "\ud800",
        keys: dict = {1: "a"},
    ) -> str:
        return ""
