"""The JSON Schema of cog.yaml, for editors: made from the table that the reader uses."""

from __future__ import annotations

import json

from cog_frontend.config.keys import CONFIG, NOT_YET
from cog_frontend.config.shapes import Json

DIALECT = "http://json-schema.org/draft-07/schema#"


def json_schema() -> str:
    """Return the schema as indented JSON; keys that no build acts on yet are not in it."""
    schema = {
        "$schema": DIALECT,
        "title": "cog.yaml",
        "description": "A model for cogkit. Every key is optional.",
        **CONFIG.schema(),
    }
    for path in NOT_YET:
        _remove(schema, path.split("."))
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _remove(schema: Json, path: list[str]) -> None:
    properties = schema["properties"]
    assert isinstance(properties, dict)  # a section's schema
    if len(path) > 1:
        _remove(properties[path[0]], path[1:])
    else:
        del properties[path[0]]
