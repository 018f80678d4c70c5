"""Reads a predictor's source, never running it, and writes its OpenAPI document."""

from cog_frontend.schema.document import openapi, schema_json
from cog_frontend.schema.model import (
    AnyOf,
    Choice,
    InputField,
    Kind,
    ListOf,
    MapOf,
    OutputType,
    Predictor,
    Record,
    RecordField,
    Scalar,
    Undetermined,
)
from cog_frontend.schema.reader import read_predictor

__all__ = [
    "AnyOf",
    "Choice",
    "InputField",
    "Kind",
    "ListOf",
    "MapOf",
    "OutputType",
    "Predictor",
    "Record",
    "RecordField",
    "Scalar",
    "Undetermined",
    "openapi",
    "read_predictor",
    "schema_json",
]
