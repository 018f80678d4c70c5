import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from litestar import Litestar, post
from litestar.response import ServerSentEvent

KIND = os.environ["BENCH_KIND"]


@dataclass
class Request:
    s: str


@post("/run", status_code=200)
async def echo(data: Request) -> dict[str, str]:
    return {"output": "hello " + data.s}


@post("/run", status_code=200, sync_to_thread=True)
def sleep(data: Request) -> dict[str, str]:
    time.sleep(0.01)
    return {"output": "hello " + data.s}


@post("/run", status_code=200)
async def concurrent(data: Request) -> dict[str, str]:
    await asyncio.sleep(0.01)
    return {"output": "hello " + data.s}


@post("/run", status_code=200)
async def stream(data: Request) -> ServerSentEvent:
    def tokens() -> Iterator[str]:
        for _ in range(100):
            yield "hello " + data.s

    return ServerSentEvent(tokens())


app = Litestar([{"echo": echo, "sleep": sleep, "parallel": concurrent, "stream": stream}[KIND]])
