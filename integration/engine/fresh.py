"""An engine that knows nothing: beside the others, started empty and removed again.

It shares the unpacked packages and the registry of the others, and nothing else.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from integration.engine.daemon import OwnDaemon, prepare_client
from integration.engine.engine import EngineInfo
from integration.engine.errors import EngineError
from integration.engine.layout import Kind, Layout


@contextmanager
def fresh_engine(like: EngineInfo) -> Iterator[EngineInfo]:
    """Run an empty engine from the packages of one of our own, until the block ends."""
    if not like.own:
        raise EngineError(
            "an empty engine is made of our own packages, and this engine is not ours"
        )
    state = Path(like.docker_host.removeprefix("unix://")).parent
    cache = state.parents[1]
    folder = Path(tempfile.mkdtemp(prefix="fresh-", dir=cache))
    try:
        (folder / "suites").symlink_to(cache / "suites")
        daemon = OwnDaemon(Layout(folder, Kind()), like.env, like.path)
        buildx = Path(like.env["DOCKER_CONFIG"]) / "cli-plugins/docker-buildx"
        prepare_client(
            daemon.layout, buildx.resolve(), Path(like.env["DOCKER_CONFIG"]) / "config.json"
        )
        try:
            version = daemon.start(like.registry, lambda _: None)
            env = {**daemon.client_env, "COGKIT_REGISTRY": like.registry}
            host = daemon.layout.docker_host
            yield replace(like, docker_host=host, version=version, env=env)
        finally:
            daemon.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
