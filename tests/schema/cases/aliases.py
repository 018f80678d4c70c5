from __future__ import annotations

import pathlib
import typing as t
from typing import TYPE_CHECKING, NewType

import cog
import cog as c
from cog import Input as I
from cog.types import Path as CogPath

try:
    from typing import Annotated
except ImportError:
    from typing_extensions import Annotated

if TYPE_CHECKING:
    from cog import Secret

Prompt: t.TypeAlias = "str"
UserId = NewType("UserId", int)
MaybeText = t.Optional[Prompt]


class Predictor(c.BasePredictor):
    @cog.streaming
    def predict(
        self,
        prompt: Prompt = I(description="short name"),
        user: UserId = cog.Input(default=1),
        text: MaybeText = c.Input(default=None),
        image: pathlib.Path = I(),
        mask: CogPath = I(),
        token: "Secret" = I(),
        note: Annotated[t.Optional[str], "x"] = None,
        names: t.List["str"] = [],
    ) -> t.Iterator[str]:
        yield prompt
