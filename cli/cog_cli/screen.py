"""What a person sees: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Screen:
    """Shows results on stdout and the rest on ``console``, which is stderr."""

    console: Console

    def out(self, text: str) -> None:
        """Show a result, byte for byte what a program behind a pipe reads, and a newline."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def step(self, text: str) -> None:
        """Say what is being done; only a person at a terminal is told."""
        if self.console.is_terminal:
            self._line("", text, "dim")

    def note(self, text: str) -> None:
        """Say what came of it."""
        self._line("", text, "")

    def error(self, text: str) -> None:
        """Say what went wrong."""
        self._line("error: ", text, "bold red")

    def _line(self, label: str, text: str, style: str) -> None:
        line = Text.assemble((label, style), text) if label else Text(text, style)
        self.console.print(line, soft_wrap=True, highlight=False)


def screen(env: Mapping[str, str]) -> Screen:
    """Return the screen of this process; NO_COLOR and COG_NO_COLOR switch colours off."""
    plain = bool(env.get("NO_COLOR")) or bool(env.get("COG_NO_COLOR"))
    return Screen(Console(stderr=True, no_color=plain, highlight=False))
