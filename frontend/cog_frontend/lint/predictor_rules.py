"""Rules about the predictor: its API document, and where its code says it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from cog_frontend.errors import Span
from cog_frontend.lint.model import Facts, Finding

_NUMBERS = ("integer", "number")
_BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum"}
_METHODS = ("run", "predict")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*_FUNCTIONS, ast.ClassDef)


def input_without_description(facts: Facts) -> Iterator[Finding]:
    for name, found in _inputs(facts).items():
        if isinstance(found, dict) and not found.get("description"):
            text = f"input {name} has no description: clients see only its name"
            yield _about(facts, name, text)


def number_without_bounds(facts: Facts) -> Iterator[Finding]:
    for name, found in _inputs(facts).items():
        if not isinstance(found, dict) or "seed" in name:  # any number does for a seed
            continue
        if found.get("type") in _NUMBERS and not _BOUNDS & found.keys():
            yield _about(facts, name, f"input {name} takes any number, however large")


def _inputs(facts: Facts) -> dict[str, object]:
    found: object = facts.schema
    for key in ("components", "schemas", "Input", "properties"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _about(facts: Facts, name: str, message: str) -> Finding:
    """At the argument in the predictor's file; at the key in cog.yaml where it is not found."""
    predictor = facts.config.predictor
    file, _, reference = (predictor.text if predictor else "").partition(":")
    if argument := _argument(facts.code, reference, name):
        span = Span(argument.lineno, argument.lineno)
        return Finding(message=message, file=file, span=span)
    return Finding(message=message, file=facts.filename, span=predictor.span if predictor else None)


def _argument(code: str, reference: str, name: str) -> ast.arg | None:
    top = {each.name: each for each in ast.parse(code).body if isinstance(each, _NAMED)}
    found = top.get(reference)
    if isinstance(found, ast.ClassDef):
        methods = (each for each in found.body if isinstance(each, _FUNCTIONS))
        found = next((each for each in methods if each.name in _METHODS), None)
    if not isinstance(found, _FUNCTIONS):
        return None
    arguments = (*found.args.posonlyargs, *found.args.args, *found.args.kwonlyargs)
    return next((each for each in arguments if each.arg == name), None)
