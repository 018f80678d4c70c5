"""The road over ``docker buildx build``: it runs the frontend image for us."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cog_cli.build import BuildOutcome, BuildRequest
from cog_cli.docker import Docker, build_arguments, require_docker
from cog_cli.errors import CliError


@dataclass(frozen=True, slots=True)
class BuildxBuilder:
    """Builds with ``docker buildx build``."""

    docker: Docker

    def build(self, request: BuildRequest) -> BuildOutcome:
        """Build; buildx itself shows progress and errors on stderr. CliError when it fails."""
        require_docker(self.docker)
        with tempfile.TemporaryDirectory() as folder:
            metadata = request.metadata_file or Path(folder) / "metadata.json"
            if self.docker.show(*build_arguments(request, metadata), progress_only=True):
                raise CliError("the build failed; the reason is above")
            return BuildOutcome(request.tags[0] if request.tags else "", read_digest(metadata))


def read_digest(metadata: Path) -> str | None:
    """Return the image's digest in buildx's metadata file, None when there is none."""
    try:
        digest = json.loads(metadata.read_text()).get("containerimage.digest")
    except (OSError, ValueError, AttributeError):
        return None
    return str(digest) if digest else None
