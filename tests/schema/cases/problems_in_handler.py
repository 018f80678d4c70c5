from typing import Optional

from cog import BasePredictor, concurrent


class Predictor(BasePredictor):
    def setup(self, weights, device, cache="x"):
        pass

    def run(prompt: str, /, *rest: str, **more: str):
        return prompt

    @concurrent(max=0)
    def predict(self, prompt: str) -> Optional[str]:
        return prompt
