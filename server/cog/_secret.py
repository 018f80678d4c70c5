"""A text input that does not show up in logs by accident."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Secret:
    """A value that prints as asterisks; `get_secret_value` gives the text."""

    secret_value: str | None = None

    def __repr__(self) -> str:
        return f"Secret({self})"

    def __str__(self) -> str:
        return "**********" if self.secret_value is not None else ""

    def get_secret_value(self) -> str | None:
        """Return the text itself (None where an optional secret was not given)."""
        return self.secret_value
