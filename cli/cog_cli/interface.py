"""What a model takes and returns, as its OpenAPI document says: the label of every Cog image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cog_cli.errors import CliError

LABEL = "run.cog.openapi_schema"

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a model is asked to do: what its server is told for it, and where it is asked.

    ``prefix`` begins the names of its components in the OpenAPI document; ``lacking`` is said of a
    config without it, and what to do.
    """

    prefix: str
    route: str
    arguments: tuple[str, ...]
    lacking: str


PREDICT = Task(
    prefix="",
    route="/predictions",
    arguments=(),
    lacking="names no predictor; add 'run: run.py:Runner'",
)
TRAIN = Task(
    prefix="Training",
    route="/trainings",
    arguments=("--x-mode", "train"),
    lacking="names nothing that trains; add 'train: train.py:train'",
)


@dataclass(frozen=True, slots=True)
class Input:
    """One input: ``schema`` is its JSON Schema with references resolved."""

    name: str
    schema: Schema
    required: bool


@dataclass(frozen=True, slots=True)
class Interface:
    """Inputs in the order the predictor declares them, and the schema of the output."""

    inputs: tuple[Input, ...]
    output: Schema
    components: Schema = field(default_factory=dict, repr=False)

    def resolve(self, schema: Schema) -> Schema:
        """Return ``schema`` with its own reference, or the single one of ``allOf``, followed."""
        return resolve(schema, self.components)


def interface(text: str, task: Task = PREDICT) -> Interface:
    """Return the interface of a task in an OpenAPI document.

    CliError when it is none of a model, or of one that cannot do the task.
    """
    try:
        components = json.loads(text)["components"]["schemas"]
        if (
            {"Input", "TrainingInput"} & components.keys()
        ) and task.prefix + "Input" not in components:
            raise CliError(f"the model {task.lacking} to its cog.yaml")
        inputs = components[task.prefix + "Input"]
        required = frozenset(inputs.get("required", ()))
        properties = inputs.get("properties", {}).items()
        found = [
            Input(name, resolve(schema, components), name in required)
            for name, schema in properties
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CliError(
            f"the image's label {LABEL} does not describe a model: rebuild the image"
        ) from error
    found.sort(key=lambda each: each.schema.get("x-order", len(found)))
    return Interface(
        tuple(found), resolve(components.get(task.prefix + "Output", {}), components), components
    )


# A document of ours never nests references deeper; a cycle would.
_MAX_HOPS = 16


def resolve(schema: Schema, components: Schema) -> Schema:
    """Follow ``$ref`` and a single ``allOf``; what stands beside them wins."""
    for _ in range(_MAX_HOPS):
        inner = schema.get("allOf")
        if inner:
            schema = {**inner[0], **{k: v for k, v in schema.items() if k != "allOf"}}
        elif "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            rest = {k: v for k, v in schema.items() if k != "$ref"}
            schema = {**components.get(name, {}), **rest}
        else:
            break
    return schema
