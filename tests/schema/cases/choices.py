import enum
from enum import Enum, IntEnum, StrEnum, auto
from typing import List, Literal, Optional, get_args

from cog import BasePredictor, Input

SCHEDULERS = {"ddim": 1, "euler": 2}
SIZES = ["small", "large"]
Mode = Literal["fast", "slow"]
MODELS = [{"name": "a", "on": True}, {"name": "b", "on": False}, {"name": "c", "on": True}]


class Color(str, Enum):
    RED = "red"
    BLUE = "blue"
    CRIMSON = "red"


class Level(IntEnum):
    LOW = 1
    HIGH = auto()


class Shade(StrEnum):
    LIGHT = auto()
    DARK = auto()


class Ratio(enum.Enum):
    HALF = 0.5
    WHOLE = 1


class Predictor(BasePredictor):
    def predict(
        self,
        listed: str = Input(choices=["a", "b", "a"]),
        numbers: int = Input(default=2, choices=[1, 2, 3]),
        floats: float = Input(default=1, choices=[0.5, 1]),
        flags: bool = Input(default=True, choices=[True]),
        keys: str = Input(default="ddim", choices=list(SCHEDULERS.keys())),
        iterated: str = Input(default="ddim", choices=list(SCHEDULERS)),
        joined: str = Input(default="small", choices=SIZES + ["huge"] + [*SIZES, "tiny"]),
        comprehended: str = Input(choices=[color.value for color in Color]),
        filtered: str = Input(choices=[m["name"] for m in MODELS if m["on"] is True]),
        ranged: int = Input(default=2, choices=list(range(1, 9, 2)) + [2]),
        typed: str = Input(default="fast", choices=get_args(Mode)),
        members: str = Input(default=Color.RED.value, choices=list(Color)),
        color: Color = Color.RED,
        level: Level = Input(default=Level.HIGH, description="an enum"),
        shade: Shade = Shade.DARK,
        ratio: Ratio = Ratio.WHOLE,
        mode: Mode = "fast",
        optional_mode: Optional[Mode] = None,
        nullable: Literal["x", None] = None,
        inline: Literal[1, 2] = 1,
        several: List[Mode] = ["fast"],
        several_listed: list[str] = Input(default=["a"], choices=["a", "b"]),
        maybe: Optional[str] = Input(default=None, choices=["a", None]),
        Input: str = Input(choices=["the name of a component"]),
        größe: Literal["S", "M"] = "S",
        unconstrained: str = Input(choices=None),
    ) -> Color:
        return Color.RED
