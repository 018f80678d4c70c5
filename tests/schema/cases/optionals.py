from typing import Any, Dict, List, Optional, Union

from cog import BasePredictor, Input, Path, Secret


class Predictor(BasePredictor):
    def predict(
        self,
        optional: Optional[str],
        union: Union[None, int] = Input(default=None, ge=0),
        piped: float | None = 0.5,
        reversed_pipe: None | bool = None,
        text: "Optional[str]" = None,
        image: Optional[Path] = None,
        images: Optional[List[Path]] = None,
        token: Optional[Secret] = None,
        anything: Optional[Any] = None,
        mapping: Optional[Dict[str, int]] = None,
        required: Optional[str] = Input(default=...),
        either: Union[int, str, None] = None,
        sparse: list[Optional[str]] = [],
    ) -> str:
        return ""
