"""What was typed -> the inputs of a prediction, judged before anything is started."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence

from cog_cli.errors import UsageProblem
from cog_cli.interface import Input, Interface
from cog_cli.judge import Mismatch, judge
from cog_cli.values import ReadFile, ValueReader

Values = dict[str, object]


class InputProblem(UsageProblem):
    """Inputs that the model does not take; one line for each problem."""


def split_pair(text: str) -> tuple[str, str]:
    """Return name and value of ``name=value``; UsageProblem when there is no name."""
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise UsageProblem(f"input '{text}' is not of the form name=value")
    return name.strip(), value


def parse_inputs(pairs: Sequence[tuple[str, str]], model: Interface, read_file: ReadFile) -> Values:
    """Return the values of ``pairs`` in the model's order.

    A name given again makes a list. InputProblem with everything wrong in them.
    """
    reader = ValueReader(model, read_file)
    texts: dict[str, list[str]] = {}
    for name, value in pairs:
        texts.setdefault(name, []).append(value)
    problems = _unknown(texts, model)
    values: Values = {}
    for each in model.inputs:
        if each.name in texts:
            try:
                values[each.name] = reader.read(texts[each.name], each.schema)
            except (Mismatch, OSError) as error:
                problems.append(f'invalid input "{each.name}": {_reason(error)}')
    problems += _missing(texts, model)
    if problems:
        raise InputProblem("\n".join(problems))
    return values


def parse_document(text: str, model: Interface) -> Values:
    """Return the inputs in a JSON object, as they are; InputProblem with everything wrong in it."""
    try:
        document = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise InputProblem(f"--json is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InputProblem('--json must be an object of inputs, such as \'{"text": "hello"}\'')
    problems = _unknown(document, model)
    for each in model.inputs:
        if each.name in document:
            try:
                judge(document[each.name], each.schema, model)
            except Mismatch as mismatch:
                problems.append(f'invalid input "{each.name}": {mismatch}')
    problems += _missing(document, model)
    if problems:
        raise InputProblem("\n".join(problems))
    return document


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON number")


def _unknown(given: Iterable[str], model: Interface) -> list[str]:
    names = [each.name for each in model.inputs]
    listed = f"valid inputs are: {', '.join(names)}" if names else "the model takes no inputs"
    lines = []
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f' (did you mean "{near[0]}"?)' if near else ""
            lines.append(f'unknown input "{name}"; {listed}{hint}')
    return lines


def _missing(given: Iterable[str], model: Interface) -> list[str]:
    have = frozenset(given)
    missing = (each for each in model.inputs if each.required and each.name not in have)
    return [f'missing required input "{each.name}"{_description(each)}' for each in missing]


def _description(each: Input) -> str:
    text = " ".join(str(each.schema.get("description", "")).split())
    return f" ({text})" if text else ""


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot read {error.filename}: {error.strerror}"
    return str(error)
