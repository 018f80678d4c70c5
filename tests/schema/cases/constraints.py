from cog import BasePredictor, Input, Path

LIMIT = 10
LOW, HIGH = -0.5, +0.5


class Limits:
    TEXT = 5 * LIMIT


class Predictor(BasePredictor):
    def predict(
        self,
        literal: int = Input(ge=1, le=100),
        named: int = Input(default=3, ge=2 * 1, le=LIMIT),
        signed: float = Input(default=0, ge=LOW, le=HIGH),
        text: str = Input(default="abc", min_length=1, max_length=Limits.TEXT, regex=r"^[a-z\d]+$"),
        joined_pattern: str = Input(default="ab", regex="^a" "b" + "$"),
        old: str = Input(default="", deprecated=True),
        current: str = Input(default="", deprecated=False),
        image: Path = Input(accept="image/png,image/*"),
        unlimited: int = Input(default=1, ge=None, le=None),
    ) -> str:
        return text
