import joblib
import numpy as np
from cog import BaseModel, BaseRunner, Input


class Output(BaseModel):
    species: str
    probabilities: dict[str, float]


class Runner(BaseRunner):
    def setup(self) -> None:
        """Load the model once, when the server starts."""
        self.model = joblib.load("model.joblib")

    def run(
        self,
        sepal_length: float = Input(description="In centimetres", default=5.1, ge=0, le=20),
        sepal_width: float = Input(description="In centimetres", default=3.5, ge=0, le=20),
        petal_length: float = Input(description="In centimetres", default=1.4, ge=0, le=20),
        petal_width: float = Input(description="In centimetres", default=0.2, ge=0, le=20),
    ) -> Output:
        """Answer one request: the species of an iris."""
        flower = np.array([[sepal_length, sepal_width, petal_length, petal_width]])
        scores = self.model.predict_proba(flower)[0]
        names = [str(name) for name in self.model.classes_]
        return Output(
            species=names[int(scores.argmax())],
            probabilities={name: round(float(score), 4) for name, score in zip(names, scores)},
        )
