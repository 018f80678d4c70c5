from cog import AsyncConcatenateIterator, BaseRunner, Input, concurrent, current_scope, streaming

from engine import Engine


class Runner(BaseRunner):
    async def setup(self) -> None:
        """Load the model once, when the server starts."""
        self.engine = Engine("corpus.txt")

    @streaming
    @concurrent(max=32)
    async def run(
        self,
        prompt: str = Input(description="What the text starts with"),
        max_tokens: int = Input(description="Where to stop", default=64, ge=1, le=4096),
        temperature: float = Input(
            description="0 takes the likeliest token; more takes likely ones less often",
            default=0.7,
            ge=0,
            le=2,
        ),
        seed: int | None = Input(
            description="The same seed gives the same text", default=None, ge=0, le=2**63 - 1
        ),
    ) -> AsyncConcatenateIterator[str]:
        """Answer one request: each token as it comes. Several requests run at a time."""
        count = 0
        async for token in self.engine.generate(prompt, max_tokens, temperature, seed):
            count += 1
            yield token
        current_scope().record_metric("output_tokens", count)
