import asyncio
import os
import time
from typing import Generator

import bentoml

KIND = os.environ["BENCH_KIND"]


@bentoml.service(workers=1)
class Echo:
    @bentoml.api
    def run(self, s: str) -> str:
        return "hello " + s


@bentoml.service(workers=1)
class Sleep:
    @bentoml.api
    def run(self, s: str) -> str:
        time.sleep(0.01)
        return "hello " + s


@bentoml.service(workers=1)
class Concurrent:
    @bentoml.api
    async def run(self, s: str) -> str:
        await asyncio.sleep(0.01)
        return "hello " + s


@bentoml.service(workers=1)
class Stream:
    @bentoml.api
    def run(self, s: str) -> Generator[str, None, None]:
        for _ in range(100):
            yield "hello " + s


Service = {"echo": Echo, "sleep": Sleep, "parallel": Concurrent, "stream": Stream}[KIND]
