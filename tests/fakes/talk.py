"""The whole application with a client in front of it and fake workers behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx

from cog import wire
from cog.server.app import Site, create_app
from cog.server.fetch import Fetcher
from cog.server.gate import Doors
from cog.server.guard import Guard, parse_allowed
from cog.server.pool import Bound
from cog.server.schema import InputSchema
from cog.server.service import Service
from cog.server.settings import Mode
from cog.server.supervisor import WorkerPolicy
from cog.server.webhook import WebhookPolicy, Webhooks
from tests.fakes.fake_link import FakeWorkers, settle, surroundings

DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.2",
    "components": {
        "schemas": {
            "Input": {
                "type": "object",
                "required": ["s"],
                "properties": {
                    "s": {"type": "string"},
                    "n": {"type": "integer", "minimum": 0, "maximum": 10, "default": 3},
                    "c": {"allOf": [{"$ref": "#/components/schemas/c"}], "default": "a"},
                    "opt": {"type": "string", "nullable": True},
                },
            },
            "c": {"type": "string", "enum": ["a", "b"]},
        }
    },
}

STREAMING: dict[str, Any] = {
    **DOCUMENT,
    "components": {
        "schemas": {
            **DOCUMENT["components"]["schemas"],
            "Output": {"type": "array", "items": {}, "x-cog-array-type": "iterator"},
        }
    },
}


class Call:
    """One request to the application without a client: seen part by part, left at any time."""

    def __init__(self, app: Any, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.done = False
        self.slow = asyncio.Event()  # cleared: the client takes nothing
        self.slow.set()
        self._gone = asyncio.Event()
        self._body = [body]
        lines = {"host": "model", "content-length": str(len(body)), **headers}
        self.scope = {
            "type": "http", "http_version": "1.1", "scheme": "http", "method": method,
            "path": path, "raw_path": path.partition("?")[0].encode(), "root_path": "",
            "query_string": path.partition("?")[2].encode(), "client": ("192.0.2.1", 5),
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in lines.items()],
            "server": ("model", 80), "asgi": {"version": "3.0"}, "extensions": {}, "state": {},
        }  # fmt: skip
        self.task = asyncio.ensure_future(app(self.scope, self._receive, self._send))

    @property
    def text(self) -> str:
        return b"".join(self.parts).decode()

    def leave(self) -> None:
        self._gone.set()

    async def _receive(self) -> Any:
        if self._body:
            return {"type": "http.request", "body": self._body.pop(), "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.slow.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        elif message["body"]:
            self.parts.append(message["body"])
        self.done = self.done or not message.get("more_body", True)


@dataclass
class Talk:
    """A client in front of the application, and the worker behind it."""

    client: httpx.AsyncClient
    app: Any
    workers: FakeWorkers
    service: Service
    shutdowns: list[str] = field(default_factory=list)

    async def predict(self, body: bytes, **headers: str) -> httpx.Response:
        """POST a prediction; the worker answers each with what it was given."""
        asked = asyncio.ensure_future(
            self.client.post("/predictions", content=body, headers=headers or JSON)
        )
        await self.answer(asked)
        return await asked

    def call(self, method: str, path: str, given: object = None, **headers: str) -> Call:
        """Begin a request; ``given`` is its body as JSON."""
        body = b"" if given is None else json.dumps(given).encode()
        kind = {} if given is None else {"content_type": "application/json"}
        return Call(self.app, method, path, body, **{**kind, **headers})

    async def answer(self, asked: asyncio.Future[Any]) -> None:
        answered: set[str] = set()
        while not asked.done():
            await settle()
            for link in self.workers.links:
                for message in link.sent:
                    if isinstance(message, wire.Predict) and message.id not in answered:
                        answered.add(message.id)
                        link.ends(message.id, f"hello {message.input.get('s')}")


JSON = {"content-type": "application/json"}

OPEN_DOORS = Doors()

Steps = Callable[[Talk], Coroutine[None, None, None]]


def talk(  # noqa: PLR0913 # one keyword for each thing a test may vary
    steps: Steps,
    folder: Path,
    *,
    workers: FakeWorkers | None = None,
    document: dict[str, Any] | None = DOCUMENT,
    capacity: int = 1,
    mode: Mode = "predict",
    doors: Doors = OPEN_DOORS,
) -> None:
    async def main() -> None:
        fetcher = Fetcher(Guard(allowed=parse_allowed("127.0.0.1/32")), "cog-test")
        behind = workers or FakeWorkers()
        around = surroundings(behind, folder)
        schema = None if document is None else InputSchema(document)
        service = Service(
            around,
            schema=schema,
            bound=Bound(count=capacity),
            policy=WorkerPolicy(first=0.001, limit=1),
        )
        service.start()
        await settle()
        shutdowns: list[str] = []
        app = create_app(
            Site(
                service=service,
                scratch=around.scratch,
                schema=schema,
                mode=mode,
                version="0.1.0",
                openapi=document,
                webhooks=Webhooks(fetcher, WebhookPolicy(interval=0)),
                doors=doors,
                on_shutdown=lambda: shutdowns.append("now"),
            )
        )
        # httpx types an ASGI application more loosely than Litestar does.
        transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
            await asyncio.wait_for(steps(Talk(client, app, behind, service, shutdowns)), 20)
        await service.stop(0, asyncio.Event())
        await fetcher.aclose()

    asyncio.run(main())
