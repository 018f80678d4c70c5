import joblib
import numpy as np
from cog import BaseModel, BasePredictor, Input, Path
from PIL import Image


class Digit(BaseModel):
    label: int
    scores: dict[str, float]


class Predictor(BasePredictor):
    def setup(self) -> None:
        self.model = joblib.load("digits.joblib")

    def predict(
        self,
        image: Path = Input(description="A picture of one handwritten digit, white on black"),
        top: int = Input(description="How many scores to return", default=3, ge=1, le=10),
    ) -> Digit:
        with Image.open(image) as picture:
            small = picture.convert("L").resize((8, 8), Image.Resampling.BOX)
        pixels = np.asarray(small, dtype=float).reshape(1, 64) * 16 / 255
        scores = self.model.predict_proba(pixels)[0]
        best = np.argsort(scores)[::-1][:top]
        return Digit(
            label=int(best[0]),
            scores={str(digit): round(float(scores[digit]), 4) for digit in best},
        )
