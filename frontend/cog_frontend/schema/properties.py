"""Shapes and inputs as JSON Schema of OpenAPI 3.0, in the words of Cog's document (pkg/schema)."""

from __future__ import annotations

from collections.abc import Mapping

from cog_frontend.schema.model import (
    AnyOf,
    Choice,
    InputField,
    Json,
    Kind,
    ListOf,
    MapOf,
    OutputType,
    Record,
    RecordField,
    Scalar,
    Shape,
)

_KINDS: Mapping[Kind, Mapping[str, Json]] = {
    Kind.STRING: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.FILE: {"format": "uri", "type": "string"},
    Kind.SECRET: {"format": "password", "type": "string", "writeOnly": True, "x-cog-secret": True},
    Kind.OBJECT: {"type": "object"},
}
_STREAMS: Mapping[str, Mapping[str, Json]] = {
    "iterator": {"x-cog-array-type": "iterator"},
    "concatenate": {"x-cog-array-display": "concatenate", "x-cog-array-type": "iterator"},
}


def title(name: str) -> str:
    """Return a name as a heading: ``prompt_text`` is ``Prompt Text``."""
    return " ".join(word[:1].upper() + word[1:] for word in name.split("_") if word)


def shape_schema(shape: Shape) -> dict[str, Json]:
    """Return the schema of a shape, its keys sorted."""
    match shape:
        case Scalar(kind=kind):
            return dict(_KINDS[kind])
        case Choice(kind=kind, values=values):
            return {"enum": list(values), **_KINDS[kind]}
        case ListOf(items=items):
            return {"items": shape_schema(items) if items is not None else {}, "type": "array"}
        case MapOf(values=inner):
            return {"additionalProperties": shape_schema(inner), "type": "object"}
        case Record():
            return _record_schema(shape)
        case AnyOf():
            return _any_of(shape)


def output_schema(output: OutputType, heading: str) -> dict[str, Json]:
    """Return the schema of what a predictor returns, under the title ``heading``."""
    schema = shape_schema(output.shape)
    if output.stream is not None:
        schema = {"items": schema, "type": "array", **_STREAMS[output.stream]}
    return sorted_keys({**schema, "title": heading})


def input_property(field: InputField, order: int, reference: str | None) -> dict[str, Json]:
    """Return the schema of one input; ``reference`` points to its choices where it has any."""
    if reference is None:
        schema = {**shape_schema(field.shape), "title": title(field.name)}
    elif isinstance(field.bare, ListOf):
        items: dict[str, Json] = {"$ref": reference}
        schema = {"items": items, "title": title(field.name), "type": "array"}
    else:
        schema = {"allOf": [{"$ref": reference}]}
    schema |= _constraints(field)
    if field.nullable:
        schema["nullable"] = True
    if field.has_default:
        schema["default"] = field.default
    return sorted_keys({**schema, "x-order": order})


def choices_schema(field: InputField) -> dict[str, Json]:
    """Return the component that lists an input's choices."""
    shape = field.bare
    if isinstance(shape, ListOf) and shape.items is not None:
        shape = shape.items
    kind = shape.kind if isinstance(shape, Scalar | Choice) else Kind.STRING
    return {
        "description": "An enumeration.",
        "enum": list(field.choices),
        "title": field.name,
        "type": _KINDS[kind]["type"],
    }


def sorted_keys(schema: Mapping[str, Json]) -> dict[str, Json]:
    """Return the same schema with its keys in alphabetical order."""
    return dict(sorted(schema.items()))


def _constraints(field: InputField) -> dict[str, Json]:
    asked: dict[str, Json] = {
        "description": field.description,
        "minimum": field.ge,
        "maximum": field.le,
        "minLength": field.min_length,
        "maxLength": field.max_length,
        "pattern": field.regex,
        "deprecated": True if field.deprecated else None,
        "x-cog-accept": field.accept,
    }
    return {key: value for key, value in asked.items() if value is not None}


def _any_of(shape: AnyOf) -> dict[str, Json]:
    nullable: dict[str, Json] = {"nullable": True} if shape.nullable else {}
    variants = [sorted_keys({**shape_schema(one), **nullable}) for one in shape.variants]
    if len(variants) == 1:
        return variants[0]
    return {"anyOf": list[Json](variants), **nullable}


def _record_schema(record: Record) -> dict[str, Json]:
    properties: dict[str, Json] = {field.name: _field_schema(field) for field in record.fields}
    required: list[Json] = [field.name for field in record.fields if field.required]
    schema: dict[str, Json] = {"properties": properties, "title": record.name, "type": "object"}
    return sorted_keys({**schema, "required": required} if required else schema)


def _field_schema(field: RecordField) -> dict[str, Json]:
    schema = shape_schema(field.shape)
    if not isinstance(field.shape, Record):
        schema["title"] = title(field.name)
    if field.description is not None:
        schema["description"] = field.description
    if field.has_default:
        schema["default"] = field.default
    return sorted_keys(schema)
