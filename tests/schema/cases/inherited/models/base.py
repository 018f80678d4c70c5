from cog import BasePredictor, Input, concurrent, streaming

from .limits import MOST, Result


class Common(BasePredictor):
    STYLES = ["plain", "bold"]


class Base(Common):
    @streaming()
    @concurrent(max=MOST)
    async def predict(self, prompt: str, style: str = Input(choices=Common.STYLES)) -> Result:
        return Result(text=prompt)
