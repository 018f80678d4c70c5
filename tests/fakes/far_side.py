"""A server on this machine for what our server opens: it records requests and answers as told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Got:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Handler = Callable[[Got, asyncio.StreamWriter], Awaitable[None]]
Answer = bytes | Handler


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """Return the bytes of an answer; underscores in names of headers are hyphens."""
    head = {"content_length": str(len(body)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in head.items())
    return f"HTTP/1.1 {status} X\r\n{lines}connection: close\r\n\r\n".encode() + body


class FarSide:
    """Listens on ``host``; ``answers`` are given in turn, the last one from then on."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers) or [answer()]
        self.got: list[Got] = []
        self.connections = 0
        self.port = 0
        self._serving: set[asyncio.Task[object]] = set()

    @contextlib.asynccontextmanager
    async def listening(self, host: str = "127.0.0.1") -> AsyncIterator[FarSide]:
        server = await asyncio.start_server(self._serve, host)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            self._serving.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = first.split(" ")
        got = Got(method, target, headers, body)
        self.got.append(got)
        now = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(now, bytes):
            writer.write(now)
            await writer.drain()
        else:
            await now(got, writer)
