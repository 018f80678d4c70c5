"""A builder that remembers what it was asked for and says what it was told to."""

from __future__ import annotations

from dataclasses import dataclass, field

from cog_cli.build import BuildOutcome, BuildRequest
from cog_cli.errors import CliError


@dataclass
class FakeBuilder:
    """``failure``: why every build fails."""

    digest: str | None = "sha256:abc"
    failure: str = ""
    requests: list[BuildRequest] = field(default_factory=list)

    def build(self, request: BuildRequest) -> BuildOutcome:
        self.requests.append(request)
        if self.failure:
            raise CliError(self.failure)
        return BuildOutcome(request.tags[0] if request.tags else "", self.digest)
