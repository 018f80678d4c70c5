import numpy as np
import onnxruntime
from cog import BaseModel, BaseRunner, Input, Path
from PIL import Image


class Output(BaseModel):
    digit: int
    probability: float


class Runner(BaseRunner):
    def setup(self) -> None:
        """Load the model once, when the server starts."""
        self.session = onnxruntime.InferenceSession(
            "model.onnx", providers=onnxruntime.get_available_providers()
        )

    def run(
        self,
        image: Path = Input(description="One handwritten digit, white on black", accept="image/*"),
    ) -> Output:
        """Answer one request: the digit in a picture."""
        with Image.open(image) as picture:
            small = picture.convert("L").resize((8, 8), Image.Resampling.BOX)
        pixels = np.asarray(small, dtype=np.float32).reshape(1, 64) * 16 / 255
        (scores,) = self.session.run(["probabilities"], {"pixels": pixels})
        digit = int(scores[0].argmax())
        return Output(digit=digit, probability=float(scores[0][digit]))
