"""The registry client against a server that speaks the two end points it uses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from integration.engine.config import registry_config
from integration.engine.registry import Registry, answers, tags


class FakeRegistry(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        bodies = {
            "/v2/": {},
            "/v2/library/python/tags/list": {"name": "library/python", "tags": ["3.12-slim"]},
            "/v2/library/empty/tags/list": {"name": "library/empty", "tags": None},
        }
        body = bodies.get(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeRegistry) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_registry_answers(port: int) -> None:
    assert answers(port)


def test_nothing_answers_on_a_closed_port() -> None:
    assert not answers(1)


def test_the_tags_of_a_repository(port: int) -> None:
    assert tags(f"localhost:{port}", "library/python") == {"3.12-slim"}


@pytest.mark.parametrize("repository", ["library/empty", "library/unknown"])
def test_no_tags(port: int, repository: str) -> None:
    assert tags(f"localhost:{port}", repository) == frozenset()


def test_a_registry_that_does_not_run_has_no_address(tmp_path: Path) -> None:
    assert Registry(tmp_path).address() is None
    (tmp_path / "config.json").write_text(registry_config(tmp_path, 5000))
    assert Registry(tmp_path).address() is None
    (tmp_path / "config.json").write_text("{half")
    assert Registry(tmp_path).address() is None
