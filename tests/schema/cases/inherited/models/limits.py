from pydantic import BaseModel, Field

MOST = 4


class Meta(BaseModel):
    seed: int
    parent: "Meta | None" = None


class Result(BaseModel):
    model_config = {"frozen": True}
    text: str
    score: float = Field(0.5, description="how sure")
    tags: list[str] = Field(default_factory=list)
    meta: Meta | None = None
    note: str = Field(...)
    _private: int = 0
