from cog import AsyncConcatenateIterator, BaseRunner, Input, Path


class Runner(BaseRunner):
    async def run(
        self,
        image: Path = Input(description="A picture"),
        count: int = Input(default=1, ge=1, le=5),
    ) -> AsyncConcatenateIterator[str]:
        for _ in range(count):
            yield image.name
