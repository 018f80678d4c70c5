"""A model's server: Cog's HTTP API with answers given beforehand, on a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeModel:
    """Answers ``health`` one after another (the last one stays) and every prediction alike."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.health: list[dict[str, Any]] = [{"status": "READY"}]
        self.route = "/predictions"
        self.status = 200
        self.answer: Any = {"status": "succeeded", "output": None}
        self.requests: list[Any] = []

    def next_health(self) -> dict[str, Any]:
        return self.health.pop(0) if len(self.health) > 1 else self.health[0]


@contextmanager
def serving() -> Iterator[FakeModel]:
    """Run a model's server until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/health-check"
            self._send(200, model.next_health())

        def do_POST(self) -> None:
            assert self.path == model.route
            body = self.rfile.read(int(self.headers["Content-Length"]))
            model.requests.append(json.loads(body))
            self._send(model.status, model.answer)

        def _send(self, status: int, body: Any) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        model = FakeModel(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield model
        server.shutdown()
        thread.join()
