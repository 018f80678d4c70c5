from typing import List, Optional
from cog import BasePredictor, Input, Path, Secret, ConcatenateIterator




SIZES = ["a", "b"]


class Predictor(BasePredictor):
    def predict(
        self,
        text: str = Input(description="what\nto say", min_length=1, max_length=9, regex="^a"),
        n: int = Input(default=3, ge=1, le=9),
        f: float = Input(default=0.5, ge=0, le=1.5),
        flag: bool = False,
        image: Path = Input(description="an image"),
        maybe: Optional[str] = Input(default=None, description="x"),
        maybe_image: Optional[Path] = None,
        size: str = Input(choices=SIZES, default="a", description="d"),
        steps: int = Input(choices=[1, 2, 3], default=2),
        opt_size: str = Input(choices=["x", "y"]),
        words: List[str] = Input(default=["a"], description="ws"),
        nums: List[int] = Input(description="ns"),
        token: Secret = Input(description="t"),
        old: str = Input(default="x", deprecated=True),
    ) -> ConcatenateIterator[str]:
        pass
