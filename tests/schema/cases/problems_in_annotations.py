import numpy as np
from typing import Annotated, Iterator, Literal, Optional, Tuple

from cog import BaseModel, BasePredictor, Input, Secret


class Box(BaseModel):
    x: int


class Plain:
    pass


class Predictor(BasePredictor):
    def predict(
        self,
        missing,
        misspelt: strr,
        not_imported: Path,
        bare_list: list,
        nested: list[list[int]],
        pair: tuple[int, int],
        old_pair: Tuple[int, int],
        raw: bytes,
        array: np.ndarray,
        model: Box,
        plain: Plain,
        iterator: Iterator[str],
        file_or_text: "Secret | str",
        mixed: Literal["a", 1],
        text: "list[",
        call: make_type(),
        nothing: None,
        inside: Annotated[int, Input(ge=0)],
        none_optional: Optional[None],
        cog_misspelt: Annotated[Secre, 1],
    ) -> str:
        return ""
