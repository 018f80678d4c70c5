# ref: train
# mode: train
from cog import BaseModel, Input, Path


class TrainingOutput(BaseModel):
    weights: Path


def train(data: Path, epochs: int = Input(default=3, ge=1), mode: str = Input(choices=["a"])) -> TrainingOutput:
    return TrainingOutput(weights=data)
