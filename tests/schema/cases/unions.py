from typing import Union

from cog import BasePredictor, Input

Number = Union[int, float]


class Predictor(BasePredictor):
    def predict(
        self,
        number: Number,
        text_or_number: int | str = Input(default="a", description="either"),
        text_or_list: str | list[str] = Input(default=["a"]),
        nested: Union[Union[int, str], int, None] = None,
        same: Union[str, str] = "x",
    ) -> str:
        return ""
