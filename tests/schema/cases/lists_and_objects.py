from collections.abc import Mapping
from typing import Annotated, Any, Dict, List, TypedDict

import numpy as np
from cog import BasePredictor, Input, Opaque, Path


class Options(TypedDict, total=False):
    size: int
    matrix: np.ndarray


class Predictor(BasePredictor):
    def predict(
        self,
        names: list[str],
        old_style: List[int] = Input(default=[1, 2]),
        images: list[Path] = Input(default=[], accept="image/*"),
        records: list[dict] = [],
        things: list[Any] = [],
        either: list[int | str] = [],
        data: dict = {"a": [1, None, {"b": 2.5}]},
        typed: dict[str, np.ndarray] = {},
        old_typed: Dict[str, Any] = {},
        abstract: Mapping[str, int] = {},
        anything: Any = None,
        options: Options = {"size": 1},
        opaque: Annotated[np.ndarray, Opaque] = {},
        opaques: list[Annotated[np.ndarray, Opaque]] = [],
        noted: Annotated[int, "a note that means nothing here"] = 1,
    ) -> dict[str, list[Path]]:
        return {}
