from cog import BasePredictor, Input

COMMON = {"ge": 0, "le": 10}
PROMPT = Input(description="what to draw")


def seed():
    """The same everywhere."""
    return Input(default=None, description="random if empty")


def size(default, *, name: str = "size", **rest):
    return Input(default=default, description=f"the {name}", **rest)


def doubled(default):
    return size(default, name="double")


class Inputs:
    prompt = Input(description="from a class")

    @staticmethod
    def count(maximum=5):
        return Input(default=1, ge=1, le=maximum)


class Predictor(BasePredictor):
    def predict(
        self,
        prompt: str = PROMPT,
        other: str = Inputs.prompt,
        seed: int | None = seed(),
        width: int = size(64),
        height: int = size(64, name="height", ge=8, le=2 * 64),
        depth: int = doubled(3),
        count: int = Inputs.count(),
        more: int = Inputs.count(maximum=9),
        unpacked: int = Input(default=3, **COMMON),
        both: int = size(1, **COMMON),
    ) -> str:
        return prompt
