"""The named schemas of the document: inputs, outputs, choices, requests, responses, errors."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cog_frontend.schema.model import InputField, Json, Mode, Predictor
from cog_frontend.schema.properties import (
    choices_schema,
    input_property,
    output_schema,
    sorted_keys,
    title,
)

PREFIX = "#/components/schemas/"

_COMPONENT_NAME = re.compile(r"[a-zA-Z0-9._-]+")  # OpenAPI 3.0.2, "Components Object"


class Names(NamedTuple):
    """What the components of one handler are called; ``choices`` by the name of the input."""

    input: str
    output: str
    request: str
    response: str
    choices: Mapping[str, str]


FIXED: Mapping[Mode, Names] = {
    "predict": Names("Input", "Output", "PredictionRequest", "PredictionResponse", {}),
    "train": Names("TrainingInput", "TrainingOutput", "TrainingRequest", "TrainingResponse", {}),
}
_SHARED = ("Status", "HTTPValidationError", "ValidationError")


def name_components(handlers: Iterable[Predictor]) -> dict[Mode, Names]:
    """Name the components of each handler; no two share a name.

    The choices of an input are called as the input is (upstream: pkg/schema), with ``_choices``
    after it where another component has that name.
    """
    taken = set(_SHARED)
    for fixed in FIXED.values():
        taken.update((fixed.input, fixed.output, fixed.request, fixed.response))
    named: dict[Mode, Names] = {}
    for handler in handlers:
        choices: dict[str, str] = {}
        for order, one in enumerate(handler.inputs):
            if one.choices:
                choices[one.name] = _free(one.name, order, taken)
                taken.add(choices[one.name])
        named[handler.mode] = FIXED[handler.mode]._replace(choices=choices)
    return named


def handler_components(handler: Predictor, names: Names) -> dict[str, Json]:
    """Return the components of one handler in the order of Cog's document."""
    components: dict[str, Json] = {
        names.input: _input(handler.inputs, names),
        names.output: output_schema(handler.output, names.output),
    }
    for one in handler.inputs:
        if one.choices:
            components[names.choices[one.name]] = choices_schema(one)
    components[names.request] = _object(
        names.request, {"id": _text("id"), "input": reference(names.input)}
    )
    components[names.response] = _object(names.response, _response(names))
    return components


def shared_components() -> dict[str, Json]:
    """Return the components that every document has."""
    location: dict[str, Json] = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    error: dict[str, Json] = {
        "loc": {"items": location, "title": "Location", "type": "array"},
        "msg": {"title": "Message", "type": "string"},
        "type": {"title": "Error Type", "type": "string"},
    }
    details: dict[str, Json] = {
        "items": reference("ValidationError"),
        "title": "Detail",
        "type": "array",
    }
    return {
        "Status": {
            "description": "An enumeration.",
            "enum": ["starting", "processing", "succeeded", "canceled", "failed"],
            "title": "Status",
            "type": "string",
        },
        "HTTPValidationError": _object("HTTPValidationError", {"detail": details}),
        "ValidationError": _object("ValidationError", error, required=["loc", "msg", "type"]),
    }


def reference(component: str) -> dict[str, Json]:
    """Return a schema that stands for a component."""
    return {"$ref": PREFIX + component}


def _input(fields: tuple[InputField, ...], names: Names) -> dict[str, Json]:
    properties: dict[str, Json] = {}
    for order, one in enumerate(fields):
        component = names.choices.get(one.name)
        properties[one.name] = input_property(one, order, component and PREFIX + component)
    required: list[Json] = [one.name for one in fields if one.required]
    return _object(names.input, properties, required=required)


def _response(names: Names) -> dict[str, Json]:
    return {
        "input": reference(names.input),
        "output": reference(names.output),
        "id": _text("id"),
        "version": _text("version"),
        "created_at": _text("created_at", format="date-time"),
        "started_at": _text("started_at", format="date-time"),
        "completed_at": _text("completed_at", format="date-time"),
        "status": reference("Status"),
        "error": _text("error"),
        "logs": _text("logs", default=""),
        "metrics": {"title": "Metrics", "type": "object"},
    }


def _object(
    name: str, properties: dict[str, Json], *, required: list[Json] | None = None
) -> dict[str, Json]:
    schema: dict[str, Json] = {"properties": properties, "title": name, "type": "object"}
    return sorted_keys({**schema, "required": required} if required else schema)


def _text(name: str, **more: Json) -> dict[str, Json]:
    return sorted_keys({"title": title(name), "type": "string", **more})


def _free(name: str, order: int, taken: set[str]) -> str:
    """Return the first name that is free; an identifier outside ASCII is called by its place."""
    base = name if _COMPONENT_NAME.fullmatch(name) else f"input_{order}"
    numbered = (f"{base}_choices_{number}" for number in itertools.count(2))
    return next(
        one for one in itertools.chain((base, f"{base}_choices"), numbered) if one not in taken
    )
