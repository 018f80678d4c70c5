import math
from pathlib import Path

from cog import BaseRunner, Input, Secret

STEPS = 2 * 5
NAME: str = "sun"
WIDTH, HEIGHT = 640, 480
LABELS = {"cat": 1, "dog": 2}


class Runner(BaseRunner):
    OWN = "own"

    def run(
        self,
        plain: str = "x",
        positional: str = Input("first", description="given without its name"),
        negative: int = Input(default=-1),
        computed: int = Input(default=STEPS + 1),
        module_name: str = Input(default=NAME),
        unpacked: int = HEIGHT,
        own: str = Input(default=OWN),
        power: int = Input(default=2**32 - 1, le=2**32 - 1),
        ratio: float = Input(default=1 / 4),
        whole: float = Input(default=1),
        turn: float = Input(default=math.pi),
        labels: dict = LABELS,
        first: str = list(LABELS)[0],
        sizes: list[int] = Input(default=[WIDTH, HEIGHT]),
        pair: list[str] = ("a", "b"),
        unordered: list[str] = {"b", "a", "b"},
        nothing: str = Input(default=None),
        required: str = Input(default=...),
        file: Path = Input(default=Path("https://example.com/a.png")),
        token: Secret = Input(default=None, description="null unless given"),
        flag: bool = not False,
    ) -> str:
        return plain
