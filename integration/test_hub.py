"""Weights from a model hub, on a real engine: a server of this machine stands for the hub."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from integration.conftest import Workplace
from integration.layers import push

COMMIT = 40 * "a"
# Other bytes in every run: no builder has them.
LARGE = os.urandom(64_000_001)
FILES = {"model.bin": LARGE, "config.json": b'{"hidden": 64}', "sub/tokens.txt": b"a b c"}
CONFIG = f"""\
weights:
  - name: base
    target: /weights/base
    source: {{uri: "hf://owner/name@{COMMIT}", exclude: ["*.md"]}}
run: predict.py:run
"""
PREDICT = """\
from pathlib import Path


def run() -> dict[str, int]:
    files = [path for path in Path("/weights/base").rglob("*") if path.is_file()]
    return {str(path.relative_to("/weights/base")): path.stat().st_size for path in sorted(files)}
"""


def description() -> bytes:
    """What the hub's API says of the repository: small files have no checksum there."""
    large = {
        "rfilename": "model.bin",
        "size": len(LARGE),
        "lfs": {"sha256": sha256(LARGE).hexdigest(), "size": len(LARGE), "pointerSize": 134},
    }
    others = [
        {"rfilename": name, "size": len(FILES[name])} for name in FILES if name != "model.bin"
    ]
    siblings = [large, *others, {"rfilename": "README.md", "size": 9}]
    return json.dumps({"id": "owner/name", "sha": COMMIT, "siblings": siblings}).encode()


@contextmanager
def hub() -> Iterator[tuple[str, list[str]]]:
    """Serve the repository; yields the address and the paths that were asked for."""
    known = {f"/owner/name/resolve/{COMMIT}/{path}": data for path, data in FILES.items()}
    known[f"/api/models/owner/name/revision/{COMMIT}?blobs=true"] = description()
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            data = known.get(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_repository_is_fetched_once_and_shared_by_models(place: Workplace) -> None:
    with hub() as (address, asked):
        option = f"--build-arg=HF_ENDPOINT={address}"
        project = place.project({"cog.yaml": CONFIG, "predict.py": PREDICT})
        first = place.image(project, option)
        one = push(place.engine, first, first)
        (project / "predict.py").write_text(f"# edited\n{PREDICT}")
        second = place.image(project, option)
        two = push(place.engine, second, second)
    assert sum(path.endswith("model.bin") for path in asked) == 1
    assert not any(path.endswith("README.md") for path in asked)
    assert two.bytes_beyond(one) < 100_000
    parts = {
        digest: times
        for digest, _ in one.layers
        if "weights/base" in (times := {entry.name: entry.mtime for entry, _ in one.files(digest)})
    }
    assert len(parts) == 2  # the large file, and the small ones together
    for times in parts.values():
        assert times == dict.fromkeys(times, 315532800)
    with place.serve(second) as model:
        assert model.predict()["output"] == {name: len(data) for name, data in FILES.items()}


def test_a_commit_that_the_hub_lacks_fails_at_its_line(one_place: Workplace) -> None:
    text = CONFIG.replace(COMMIT, 40 * "b")
    with hub() as (address, _):
        project = one_place.project({"cog.yaml": text, "predict.py": PREDICT})
        _, result = one_place.build(project, f"--build-arg=HF_ENDPOINT={address}")
    assert result.code != 0
    assert "404" in result.output
    assert ">>>     source: {uri:" in result.output
