"""Weights on a real engine: layers that no edit of code touches, downloads that are checked."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from integration.conftest import Workplace
from integration.frontend_images import run_docker

CONFIG = """\
weights:
  - name: remote
    target: /weights/remote
    source: {{uri: "{url}", checksum: "sha256:{digest}"}}
  - name: local
    target: /src/models
    source: models
run: predict.py:run
"""
PREDICT = """\
from pathlib import Path


def run() -> list[int]:
    files = ["/weights/remote/big.bin", "/src/models/a.bin", "/src/models/sub/b.bin"]
    return [Path(file).stat().st_size for file in files]
"""
BIG = random.Random(1).randbytes(3 << 20)
LOCAL = random.Random(2).randbytes(2 << 20)


@contextmanager
def serving(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Serve one file on this machine; yields the port and what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        server.server_close()


def layers_of(place: Workplace, tag: str) -> list[str]:
    found: list[str] = json.loads(
        run_docker(place.engine, "image", "inspect", "--format", "{{json .RootFS.Layers}}", tag)
    )
    return found


def test_weights_stay_when_code_changes(place: Workplace) -> None:
    with serving(BIG) as (port, asked):
        text = CONFIG.format(
            url=f"http://127.0.0.1:{port}/models/big.bin", digest=sha256(BIG).hexdigest()
        )
        project = place.project(
            {
                "cog.yaml": text,
                "predict.py": PREDICT,
                "models/a.bin": LOCAL,
                "models/sub/b.bin": b"12345",
            }
        )
        first = place.image(project)
        (project / "predict.py").write_text(f"# edited\n{PREDICT}")
        second = place.image(project)
        assert len(asked) <= 1  # the checksum says that it is the same file
    # The source differs, and in a chain of layers the schema that stands on it.
    one, two = layers_of(place, first), layers_of(place, second)
    assert len(one) == len(two)
    changed = [index for index, pair in enumerate(zip(one, two, strict=True)) if len({*pair}) > 1]
    assert changed[0] == len(one) - 2
    with place.serve(second) as model:
        assert model.predict()["output"] == [len(BIG), len(LOCAL), 5]
    # No byte is in two layers: the layer of the source has no weights in it.
    history = ("history", "--no-trunc", "--human=false", "--format", "{{.Size}}", second)
    sizes = list(map(int, run_docker(place.engine, *history).split()))
    assert sizes[1] < 1_000_000 < len(LOCAL) <= sizes[2]


def test_a_file_that_is_not_the_one_meant_fails_at_its_line(one_place: Workplace) -> None:
    with serving(b"another file") as (port, _):
        text = CONFIG.format(url=f"http://127.0.0.1:{port}/big.bin", digest=64 * "0")
        project = one_place.project(
            {"cog.yaml": text, "predict.py": PREDICT, "models/a.bin": b"1", "models/sub/b.bin": b""}
        )
        _, result = one_place.build(project)
    assert result.code != 0
    assert "digest mismatch" in result.output
    assert '>>>     source: {uri: "http://127.0.0.1' in result.output


def test_a_folder_that_is_not_there_fails_at_its_line(one_place: Workplace) -> None:
    text = "weights:\n  - target: /weights\n    source: modles\nrun: predict.py:run\n"
    _, result = one_place.build(one_place.project({"cog.yaml": text, "predict.py": PREDICT}))
    assert result.code != 0
    assert ">>>     source: modles" in result.output
