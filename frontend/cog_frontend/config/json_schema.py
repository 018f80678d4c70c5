"""The JSON Schema of cog.yaml, for editors: made from the table that the reader uses."""

from __future__ import annotations

import json

from cog_frontend.config.keys import CONFIG

DIALECT = "http://json-schema.org/draft-07/schema#"


def json_schema() -> str:
    """Return the schema as indented JSON."""
    schema = {
        "$schema": DIALECT,
        "title": "cog.yaml",
        "description": "A model for cogkit. Every key is optional.",
        **CONFIG.schema(),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
