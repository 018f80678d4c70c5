from cog import BaseModel

from ..consts import NAME

BASE = 5
STARRED = NAME + "!"


class Part(BaseModel):
    text: str
