"""The refusal of this package: what was asked, and why nothing fits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rejected:
    """One published combination that was not taken, and why."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


class NoMatch(Exception):
    """No published combination fits; ``rejected`` are the near ones, newest first."""

    def __init__(self, wanted: str, rejected: tuple[Rejected, ...] = ()) -> None:
        super().__init__(wanted, rejected)
        self.wanted = wanted
        self.rejected = rejected

    def __str__(self) -> str:
        return "\n".join([f"nothing fits {self.wanted}", *(f"  {each}" for each in self.rejected)])
