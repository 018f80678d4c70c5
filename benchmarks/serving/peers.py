"""The servers that are compared: what each needs, how it is started, how it is asked. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

KINDS = ("echo", "sleep", "parallel", "stream")
"""What a predictor does; each peer has an app for each, see ``apps``."""

OURS = "cogkit"
COGLET = "coglet"
FRAMEWORK = "Litestar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server under its name.

    ``requirements`` are installed into a virtual environment of its own; none: this checkout's.
    ``app`` is its folder below ``apps``, ``command`` what runs in it, after ``bin`` of the
    environment: ``{kind}`` and ``{port}`` are filled in. ``isolates``: the predictor has a process
    of its own, so that its crash or its long computation is not the server's.
    """

    name: str
    app: str
    command: tuple[str, ...]
    requirements: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    path: str = "/run"
    is_cog: bool = False
    isolates: bool = True

    def request(self, kind: str, text: str) -> bytes:
        """Return the whole HTTP request that asks for a prediction."""
        values = {"s": text}
        body = json.dumps({"input": values} if self.is_cog else values).encode()
        accept = "text/event-stream" if kind == "stream" else "application/json"
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Accept: {accept}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


PEERS = (
    Peer(
        name=OURS,
        app="cog",
        command=("python", "-m", "cog.server.http", "--host", "127.0.0.1"),
        env={
            "COG_PREDICT_TYPE_STUB": "{kind}.py:Predictor",
            "COG_LOG_LEVEL": "warning",
            # All of the row with the most connections, as the others' queues do.
            "COG_QUEUE_CAPACITY": "{queue}",
        },
        path="/predictions",
        is_cog=True,
    ),
    Peer(
        name=COGLET,
        app="cog",
        command=("python", "-m", "cog.server.http", "--host", "127.0.0.1"),
        requirements=("cog==0.23.1", "coglet==0.23.1"),
        env={
            "COG_PREDICT_TYPE_STUB": "{kind}.py:Predictor",
            "COG_LOG_LEVEL": "error",
            "COG_MAX_CONCURRENCY": "{slots}",
        },
        path="/predictions",
        is_cog=True,
    ),
    Peer(
        name="Mosec",
        app="mosec",
        command=("python", "app.py", "--port", "{port}", "--address", "127.0.0.1"),
        requirements=("mosec==0.9.8",),
        path="/inference",
    ),
    Peer(
        name="LitServe",
        app="litserve",
        command=("python", "app.py"),
        requirements=("litserve==0.2.19",),
        path="/predict",
    ),
    Peer(
        name="BentoML",
        app="bentoml",
        command=("bentoml", "serve", "app:Service", "--host", "127.0.0.1", "--port", "{port}"),
        requirements=("bentoml==1.4.40",),
        env={"BENTOML_DO_NOT_TRACK": "true"},
        isolates=False,
    ),
    Peer(
        name=FRAMEWORK,
        app="litestar",
        command=(
            "granian", "--interface", "asgi", "--workers", "1", "--no-ws",
            "--log-level", "error", "--host", "127.0.0.1", "--port", "{port}", "app:app",
        ),
        requirements=("litestar==2.25.0", "granian==2.8.7"),
        isolates=False,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: what is asked, over how many connections at a time."""

    name: str
    kind: str
    connections: int
    text: str = "bob"
    marks: int = 1

    @property
    def marker(self) -> str:
        """What a good reply has in its body, `marks` times."""
        return f"hello {self.text[:3]}"


_MEBIBYTE = "bob" + "x" * (1024 * 1024 - 3)

ROWS = (
    *(Row(name="echo", kind="echo", connections=n) for n in (1, 16, 128)),
    *(Row(name="1 MiB in and out", kind="echo", connections=n, text=_MEBIBYTE) for n in (1, 16)),
    *(Row(name="10 ms, one at a time", kind="sleep", connections=n) for n in (1, 16)),
    *(Row(name="10 ms, 32 at a time", kind="parallel", connections=n) for n in (32, 128)),
    *(Row(name="100 tokens", kind="stream", connections=n, marks=100) for n in (1, 16)),
)
