import time

from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self, s: str) -> str:
        time.sleep(0.01)
        return "hello " + s
