"""The file that says that the model is ready, for whoever looks at files: Kubernetes, as with Cog.

Cog makes it when somebody asks for its health; here it is there from the first ready worker until
the server begins to shut down.
"""

from __future__ import annotations

import logging
from pathlib import Path

from cog.server.logs import LOGGER

IN_KUBERNETES = "KUBERNETES_SERVICE_HOST"
PATH = Path("/var/run/cog/ready")

_log = logging.getLogger(LOGGER)


class ReadyFile:
    """A file at ``path`` that is there or not."""

    def __init__(self, path: Path = PATH) -> None:
        self._path = path

    def make(self) -> None:
        """Let it be there; what cannot be written is logged, for no prediction needs it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()
        except OSError as error:
            _log.warning("Cannot make %s: %s", self._path, error.strerror)

    def remove(self) -> None:
        """Let it be gone."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("Cannot remove %s: %s", self._path, error.strerror)
