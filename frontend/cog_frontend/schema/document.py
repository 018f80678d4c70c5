"""The OpenAPI document of a predictor: pure, the same predictor gives the same bytes.

Its shape is that of Cog's document (upstream: pkg/schema), so that clients written for one read
the other. Keys are in alphabetical order; properties and components, whose order means something,
are in that of their declaration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from cog_frontend.schema.components import (
    Names,
    handler_components,
    name_components,
    reference,
    shared_components,
)
from cog_frontend.schema.model import Json, Mode, Predictor

OPENAPI_VERSION = "3.0.2"


class _Texts(NamedTuple):
    """How one kind of handler is spoken of in the paths."""

    path: str
    verb: str
    noun: str
    summary: str


_TEXTS: Mapping[Mode, _Texts] = {
    "predict": _Texts("predictions", "predict", "prediction", "Predict"),
    "train": _Texts("trainings", "train", "training", "Train"),
}


def openapi(
    predictor: Predictor, *, version: str, train: Predictor | None = None
) -> dict[str, object]:
    """Return the document; ``version`` is the builder's, ``train`` adds the ``/trainings`` paths.

    Its keys are in the order in which they are to be written. A ``predictor`` that was read in mode
    "train" gives a document of trainings alone.
    """
    handlers = [predictor] if train is None else [predictor, train]
    names = name_components(handlers)
    schemas: dict[str, object] = {}
    paths: dict[str, object] = {
        "/": {"get": _get("root__get", "Root")},
        "/health-check": {"get": _get("healthcheck_health_check_get", "Healthcheck")},
    }
    for handler in handlers:
        schemas.update(handler_components(handler, names[handler.mode]))
        paths.update(_paths(handler, names[handler.mode]))
        schemas.update(shared_components())
    return {
        "components": {"schemas": schemas},
        "info": {"title": "Cog", "version": version},
        "openapi": OPENAPI_VERSION,
        "paths": paths,
    }


def schema_json(document: Mapping[str, object]) -> str:
    """Return the document as compact JSON, its keys in the order that they have."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _paths(handler: Predictor, names: Names) -> dict[str, Json]:
    texts = _TEXTS[handler.mode]
    start: dict[str, Json] = {
        "description": f"Run a single {texts.noun} on the model",
        "operationId": f"{texts.verb}_{texts.path}_post",
        "requestBody": {"content": _json(reference(names.request))},
        "responses": _responses(reference(names.response)),
        "summary": texts.summary,
    }
    if handler.streaming:
        start["x-cog-streaming"] = True
    parameter = f"{texts.noun}_id"
    cancel: dict[str, Json] = {
        "operationId": f"cancel_{texts.path}__{parameter}__cancel_post",
        "parameters": [
            {
                "in": "path",
                "name": parameter,
                "required": True,
                "schema": {"title": f"{texts.noun.title()} ID", "type": "string"},
            }
        ],
        "responses": _responses({"title": f"Response Cancel {texts.path.title()}"}),
        "summary": "Cancel",
    }
    return {
        f"/{texts.path}": {"post": start},
        f"/{texts.path}/{{{parameter}}}/cancel": {"post": cancel},
    }


def _get(operation: str, summary: str) -> dict[str, Json]:
    schema: dict[str, Json] = {"title": f"Response {summary}"}
    return {
        "operationId": operation,
        "responses": {"200": _answer("Successful Response", schema)},
        "summary": summary,
    }


def _responses(schema: dict[str, Json]) -> dict[str, Json]:
    return {
        "200": _answer("Successful Response", schema),
        "422": _answer("Validation Error", reference("HTTPValidationError")),
    }


def _answer(description: str, schema: dict[str, Json]) -> dict[str, Json]:
    return {"content": _json(schema), "description": description}


def _json(schema: dict[str, Json]) -> dict[str, Json]:
    return {"application/json": {"schema": schema}}
