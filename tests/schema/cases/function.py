# ref: classify
from cog import AsyncConcatenateIterator, Input


async def classify(*, prompt: str, top: int = Input(default=3, ge=1)) -> AsyncConcatenateIterator[str]:
    yield prompt
