from enum import Enum

from cog import BaseModel
from pkg.deep.more import Part


class Kind(str, Enum):
    ONE = "one"
    TWO = "two"


class Options(BaseModel):
    kind: Kind
    parts: list[Part]
