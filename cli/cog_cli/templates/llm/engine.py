"""A language model that is small enough to come with the template.

It counts which word follows which two in `corpus.txt`. A large model has the same shape: keep
`generate` and put your engine in it, for example vLLM's `AsyncLLM`.
"""

import asyncio
import random
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator

_TOKEN = re.compile(r"\w+(?:'\w+)*|[^\w\s]")
_CONTEXT = 2
_NO_SPACE_BEFORE = frozenset(".,;:!?)")


class Engine:
    def __init__(self, corpus: str) -> None:
        with open(corpus, encoding="utf-8") as file:
            tokens = _TOKEN.findall(file.read())
        self._next: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for place, token in enumerate(tokens):
            for length in range(min(place, _CONTEXT) + 1):
                self._next[tuple(tokens[place - length : place])][token] += 1

    async def generate(
        self, prompt: str, max_tokens: int, temperature: float, seed: int | None
    ) -> AsyncIterator[str]:
        """Yield what may follow `prompt`, a token at a time."""
        chance = random.Random(seed)
        tokens = _TOKEN.findall(prompt)
        for _ in range(max_tokens):
            token = self._choose(tuple(tokens[-_CONTEXT:]), temperature, chance)
            tokens.append(token)
            yield token if token in _NO_SPACE_BEFORE else f" {token}"
            # Lets the other requests go on.
            await asyncio.sleep(0)

    def _choose(self, context: tuple[str, ...], temperature: float, chance: random.Random) -> str:
        while context not in self._next:
            context = context[1:]
        counted = self._next[context]
        if temperature == 0:
            return counted.most_common(1)[0][0]
        most = max(counted.values())
        weights = [(count / most) ** (1 / temperature) for count in counted.values()]
        return chance.choices(list(counted), weights)[0]
