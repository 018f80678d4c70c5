"""JSON for clients."""

from __future__ import annotations

import json

import orjson


def encode_json(content: object) -> bytes:
    """Return JSON; integers of any size, text that is not Unicode as ``?``."""
    try:
        return orjson.dumps(content)
    except TypeError:  # an integer over 64 bits, which Python's own encoder writes as it is
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
