"""One registry for all engines on the machine, on the loopback interface.

Beside an own engine it is Debian's ``docker-registry`` as a process; beside a daemon that was
already there it is a container of that daemon, because only the daemon's own machine can
reach its loopback interface.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from integration.engine.config import registry_config
from integration.engine.errors import EngineError
from integration.engine.network import REGISTRY_PORT, choose_port, port_is_free
from integration.engine.process import Daemon, last_line, wait_for

_PORTS = range(REGISTRY_PORT, REGISTRY_PORT + 50)
_START_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry process of a cache folder."""

    folder: Path

    @property
    def _config(self) -> Path:
        return self.folder / "config.json"

    @property
    def _daemon(self) -> Daemon:
        return Daemon(self.folder / "registry.pid", str(self._config))

    def address(self) -> str | None:
        """Return ``localhost:port`` while the registry runs, else None."""
        port = self._remembered_port()
        return f"localhost:{port}" if port and self._daemon.pid() else None

    def ensure(self, program: Path, env: Mapping[str, str]) -> str:
        """Start the registry unless it runs; return its address as the daemons see it."""
        if running := self.address():
            return running
        port = choose_port(self._remembered_port(), (p for p in _PORTS if port_is_free(p)))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text(registry_config(self.folder / "data", port))
        log = self.folder / "registry.log"
        self._daemon.start((str(program), "serve", str(self._config)), env, log)
        wait_for(lambda: answers(port) or self._daemon.pid() is None, _START_SECONDS)
        if not answers(port):
            raise EngineError(f"the local registry did not start: {last_line(log)}")
        return f"localhost:{port}"

    def stop(self) -> bool:
        """Stop the registry; say whether it ran. What was pushed stays."""
        return self._daemon.stop()

    def _remembered_port(self) -> int | None:
        try:
            address = json.loads(self._config.read_text())["http"]["addr"]
            return int(address.rpartition(":")[2])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def answers(port: int) -> bool:
    """Whether a registry answers on ``port`` (OCI distribution-spec, endpoint end-1)."""
    return _get(port, "/v2/") is not None


def tags(address: str, repository: str) -> frozenset[str]:
    """Return the tags of ``repository``; none when the registry does not know it."""
    body = _get(int(address.rpartition(":")[2]), f"/v2/{repository}/tags/list")
    return frozenset(json.loads(body).get("tags") or ()) if body else frozenset()


def _get(port: int, path: str) -> bytes | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if response.status == 200 else None
