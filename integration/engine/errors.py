"""The one error of the package: a single line that says what is missing and what to do."""

from __future__ import annotations


class EngineError(Exception):
    """No engine can be had; the text is one line for the person at the terminal."""
