"""Bytes that were printed, cut into whole lines of text. No I/O."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

HOLD = 8192
"""Characters of an unfinished line that are held back; what is longer goes out in parts."""


class Lines:
    """Feed it bytes in any cut; it gives text up to the last line end and holds the rest.

    A carriage return ends a line too, so progress bars show while they move. Bytes that are not
    UTF-8 become U+FFFD.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def feed(self, data: bytes) -> str:
        """Take bytes and return the text that is now complete (may be empty)."""
        text = self._held + self._decoder.decode(data)
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        if len(text) - end > HOLD:
            end = len(text)
        self._held = text[end:]
        return text[:end]

    def flush(self) -> str:
        """Return what is held; bytes of an unfinished character stay."""
        text, self._held = self._held, ""
        return text

    def close(self) -> str:
        """Return all that is left, unfinished characters included."""
        return self.flush() + self._decoder.decode(b"", final=True)


def chunks(text: str, size: int) -> Iterator[str]:
    """Cut a text into parts of at most ``size`` characters."""
    for start in range(0, len(text), size):
        yield text[start : start + size]
