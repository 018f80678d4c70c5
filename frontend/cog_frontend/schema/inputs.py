"""The parameters of a handler as inputs: annotation, default and what ``Input(...)`` says.

A bound or choice that cannot be worked out is a problem: left out of the schema, it would let
through what its author meant to keep out.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from cog_frontend.errors import near
from cog_frontend.schema.annotations import Annotations
from cog_frontend.schema.calls import PARAMETERS, Argument, InputCalls
from cog_frontend.schema.constants import Constants
from cog_frontend.schema.constraints import complaints, named
from cog_frontend.schema.model import AnyOf, Choice, InputField, Json, Kind, ListOf, Scalar, Shape
from cog_frontend.schema.names import Scope
from cog_frontend.schema.report import Report
from cog_frontend.schema.source import Refusal, Rejected

_NO_BOUND = {"ge": -math.inf, "le": math.inf}
_RENAMED = {"gt": "ge", "lt": "le", "min": "ge", "max": "le", "pattern": "regex", "enum": "choices"}


class Parameter(NamedTuple):
    """A parameter of the handler and its default, if it has one."""

    node: ast.arg
    default: ast.expr | None


class Given(NamedTuple):
    """What was worked out of an ``Input(...)`` call, choices apart; ``required`` by ``...``."""

    values: dict[str, Json]
    choices: tuple[Json, ...]
    required: bool


class Inputs:
    """Reads the inputs of one handler; problems go to the report."""

    def __init__(self, constants: Constants, report: Report) -> None:
        self.constants = constants
        self.report = report

    def read(self, parameters: Iterable[Parameter], scope: Scope) -> tuple[InputField, ...]:
        """Return the inputs in the order of the parameters, unreadable ones left out."""
        fields = [self._field(parameter, scope) for parameter in parameters]
        return tuple(field for field in fields if field is not None)

    def _field(self, parameter: Parameter, scope: Scope) -> InputField | None:
        name = parameter.node.arg
        known = self.report.count
        shape = self.report.attempt(partial(self._shape, parameter, scope), about=f"input {name}")
        find = partial(self._arguments, parameter.default, scope)
        arguments = self.report.attempt(find, about=f"input {name}") or {}
        given = self._given(f"input {name}", arguments)
        if shape is None or self.report.count > known:
            return None
        field = built(name, shape, given)
        if field.required and not field.nullable and given.values.get("default", ...) is None:
            self._warn_of_none(field, arguments["default"])
        for complaint in complaints(field):
            argument = arguments.get(complaint.argument)
            source = argument.scope.source if argument else scope.source
            node: ast.AST = argument.node if argument else parameter.node
            refused = Refusal(source, node, complaint.message, hint=complaint.hint)
            self.report.refused(refused, about=f"input {name}")
        return field

    def _warn_of_none(self, field: InputField, argument: Argument) -> None:
        """Say that a default of None on a type without None makes the input required."""
        written = named(field.shape)
        message = f"input {field.name}: None is not {written}, so the input must be given"
        hint = f"write `{field.name}: {written} | None` where it may be left out"
        refused = Refusal(argument.scope.source, argument.node, message, hint=hint)
        self.report.warning(refused.problem)

    def _arguments(self, default: ast.expr | None, scope: Scope) -> Mapping[str, Argument]:
        """Return what ``Input(...)`` is given; a plain default counts as its ``default``."""
        if default is None:
            return {}
        call = InputCalls(self.constants.project).find(default, scope)
        return {"default": Argument(default, scope)} if call is None else call

    def _shape(self, parameter: Parameter, scope: Scope) -> Shape:
        node = parameter.node
        if node.annotation is None:
            hint = f"write its type: `{node.arg}: str`"
            raise Refusal(scope.source, node, "it has no type annotation", hint=hint)
        annotations = Annotations(self.constants, self.report, whole=False)
        shape = annotations.shape(node.annotation, scope)
        if why := unusable(shape):
            message, hint = why
            raise Refusal(scope.source, node.annotation, message, hint=hint)
        return shape

    def _given(self, about: str, arguments: Mapping[str, Argument]) -> Given:
        """Work out every argument of a call; what cannot be goes to the report."""
        values: dict[str, Json] = {}
        choices: tuple[Json, ...] = ()
        required = False
        for name, argument in arguments.items():
            if name == "description":
                describe = partial(self._description, about, argument)
                values[name] = self.report.attempt(describe)
            elif name == "choices":
                choices = self.report.attempt(partial(self._choices, argument), about=about) or ()
            elif name == "default" and self._is(argument, ...):
                required = True
            else:
                read = partial(self._argument, name, argument)
                values[name] = self.report.attempt(read, about=about)
        return Given(values, choices, required)

    def _argument(self, name: str, argument: Argument) -> Json:
        source = argument.scope.source
        if name not in PARAMETERS:
            instead = _RENAMED.get(name)
            hint = f"did you mean '{instead}'?" if instead else near(name, PARAMETERS)
            raise Refusal(source, argument.node, f"Input() has no argument {name!r}", hint=hint)
        if name == "default_factory":
            hint = "give the value itself as the default"
            raise Refusal(source, argument.node, "default_factory is not supported", hint=hint)
        if name in _NO_BOUND and self._is(argument, _NO_BOUND[name]):
            return None
        value = self.constants.json(argument.node, argument.scope)
        if why := wrong_type(name, value):
            raise Refusal(source, argument.node, f"{name} {why}")
        return value

    def _is(self, argument: Argument, expected: object) -> bool:
        """Whether the argument is worth ``expected``: ``...``, or a bound that bounds nothing."""
        try:
            return self.constants.value(argument.node, argument.scope) == expected
        except Rejected:
            return False  # said once more, and reported, where the argument is read

    def _choices(self, argument: Argument) -> tuple[Json, ...]:
        """Return the choices in order, each once; none for ``choices=None``."""
        if isinstance(argument.node, ast.Constant) and argument.node.value is None:
            return ()
        items = self.constants.json_items(argument.node, argument.scope)
        if not items:
            raise Refusal(argument.scope.source, argument.node, "choices is empty")
        return tuple({(type(item), repr(item)): item for item in items}.values())

    def _description(self, about: str, argument: Argument) -> str | None:
        """Return the description; one that is not known without running code is left out."""
        try:
            value = self.constants.json(argument.node, argument.scope)
        except Refusal as refused:
            found = refused.problem
            message = f"{about}: the schema has no description for it: {found.message}"
            self.report.warning(replace(found, message=message))
            return None
        return value if isinstance(value, str) else None


def built(name: str, shape: Shape, given: Given) -> InputField:
    """Put an input together; a default of None counts as none (upstream: pkg/schema)."""
    nullable = isinstance(shape, AnyOf) and shape.nullable
    default = given.values.get("default")
    open_secret = shape == Scalar(Kind.SECRET) and "default" in given.values and default is None
    choices = given.choices or _own_choices(shape)
    return InputField(
        name=name,
        shape=AnyOf((shape,), nullable=True) if open_secret else shape,
        required=given.required or (default is None and not nullable and not open_secret),
        has_default=default is not None or open_secret,
        default=default,
        description=_text(given.values.get("description")),
        ge=_number(given.values.get("ge")),
        le=_number(given.values.get("le")),
        min_length=_whole(given.values.get("min_length")),
        max_length=_whole(given.values.get("max_length")),
        regex=_text(given.values.get("regex")),
        choices=tuple(one for one in choices if one is not None) if nullable else choices,
        deprecated=given.values.get("deprecated") is True,
        accept=_text(given.values.get("accept")),
    )


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Json) -> int | float | None:
    return value if isinstance(value, int | float) else None


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) else None


def unusable(shape: Shape) -> tuple[str, str] | None:
    """Say why an input cannot have this shape, and what to do; None where it can."""
    match shape:
        case ListOf(items=None):
            return "a list must say what it holds", "write list[str], or whatever the items are"
        case ListOf(items=ListOf()):
            return "a list of lists cannot be an input", "use dict, or Any"
        case ListOf(items=items) if items is not None:
            return unusable(items)
        case AnyOf(variants=variants) if len(variants) > 1:
            return _unusable_union(variants)
        case AnyOf(variants=variants):
            return unusable(variants[0])
        case _:
            return None


def _unusable_union(variants: tuple[Shape, ...]) -> tuple[str, str] | None:
    for variant in variants:
        inner = variant.items if isinstance(variant, ListOf) else variant
        if isinstance(inner, Choice) or inner in (Scalar(Kind.FILE), Scalar(Kind.SECRET)):
            message = "a union of inputs holds only str, int, float, bool, dict and lists of them"
            return message, "use one type, or an input of its own for each"
        if why := unusable(variant):
            return why
    return None


def _own_choices(shape: Shape) -> tuple[Json, ...]:
    """Return what a Literal or an Enum in the annotation allows."""
    match shape:
        case Choice(values=values):
            return values
        case ListOf(items=Choice(values=values)):
            return values
        case AnyOf(variants=(only,)):
            return _own_choices(only)
        case _:
            return ()


def wrong_type(name: str, value: Json) -> str:
    """Say what a value of an argument should have been; "" where it is that."""
    if value is None or name == "default":
        return ""
    is_bool = isinstance(value, bool)
    if name in {"ge", "le"} and (is_bool or not isinstance(value, int | float)):
        return "must be a number"
    if name in {"min_length", "max_length"} and (is_bool or not isinstance(value, int)):
        return "must be a whole number"
    if name in {"regex", "accept"} and not isinstance(value, str):
        return "must be text"
    if name == "deprecated" and not is_bool:
        return "must be True or False"
    return ""
