import asyncio

from cog import BasePredictor, concurrent


class Predictor(BasePredictor):
    @concurrent(max=32)
    async def predict(self, s: str) -> str:
        await asyncio.sleep(0.01)
        return "hello " + s
