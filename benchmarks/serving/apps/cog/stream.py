from cog import BasePredictor, ConcatenateIterator, streaming


class Predictor(BasePredictor):
    @streaming
    def predict(self, s: str) -> ConcatenateIterator[str]:
        for _ in range(100):
            yield "hello " + s
