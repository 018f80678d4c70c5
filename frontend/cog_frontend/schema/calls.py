"""The ``Input(...)`` call behind a parameter's default, wherever in the project it is written."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import NamedTuple

from cog_frontend.schema.names import Assigned, Binding, Scope
from cog_frontend.schema.project import (
    Definition,
    Foreign,
    Missing,
    Project,
    Value,
    canonical,
)
from cog_frontend.schema.source import Refusal, Unknown

PARAMETERS = (
    *("default", "default_factory", "description", "ge", "le", "min_length", "max_length"),
    *("regex", "choices", "deprecated", "accept"),
)


class Argument(NamedTuple):
    """An argument of the call and the scope to read it in."""

    node: ast.expr
    scope: Scope


class InputCalls:
    """Finds the calls of one project."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def find(self, node: ast.expr, scope: Scope) -> Mapping[str, Argument] | None:
        """Return what the call behind a default is given, None where it is a plain value.

        Follows names, attributes of classes and functions that only return such a call. Raises
        ``Refusal`` for a call that Python would refuse as well.
        """
        with self.project.effort.step(node, scope):
            if isinstance(node, ast.Name | ast.Attribute):
                found = self.project.resolve(node, scope)
                return self.find(found.node, found.scope) if isinstance(found, Value) else None
            if not isinstance(node, ast.Call):
                return None
            function = self.project.resolve(node.func, scope)
            match function:
                case Foreign(name=name) if canonical(name) == "cog.Input":
                    return self._arguments(node, scope)
                case Foreign(name="pydantic.Field" | "dataclasses.field" as name):
                    message = f"{name}() does not describe an input"
                    raise Refusal(scope.source, node, message, hint="use cog.Input()")
                case Definition(node=ast.FunctionDef()):
                    return self._helper(function, node, scope)
                case Missing(reason=reason, undefined=undefined) if isinstance(node.func, ast.Name):
                    known = "add `from cog import Input`" if node.func.id == "Input" else ""
                    refused = Refusal if undefined or known else Unknown
                    raise refused(scope.source, node.func, f"`{node.func.id}` {reason}", hint=known)
                case _:
                    return None

    def _arguments(self, node: ast.Call, scope: Scope) -> dict[str, Argument]:
        named: dict[str, Argument] = {}
        if any(isinstance(argument, ast.Starred) for argument in node.args):
            raise Unknown(scope.source, node, "`*` in an Input() call is not followed")
        if len(node.args) > 1:
            message = "Input() takes only the default without its name"
            raise Refusal(scope.source, node.args[1], message, hint="name it: ge=..., le=...")
        if node.args:
            named["default"] = _given(node.args[0], scope)
        for keyword in node.keywords:
            if keyword.arg is not None:
                named[keyword.arg] = _given(keyword.value, scope)
            else:
                named.update(self._unpacked(keyword.value, scope))
        return named

    def _unpacked(self, node: ast.expr, scope: Scope) -> dict[str, Argument]:
        """Return the arguments that ``**node`` stands for: a dict with literal keys."""
        with self.project.effort.step(node, scope):
            found = self.project.resolve(node, scope)
            named: dict[str, Argument] = {}
            if not isinstance(found, Value) or not isinstance(found.node, ast.Dict):
                message = "what `**` gives the call is not known before the code runs"
                raise Unknown(scope.source, node, message, hint="write the arguments out")
            for key, value in zip(found.node.keys, found.node.values, strict=True):
                if key is None:
                    named.update(self._unpacked(value, found.scope))
                elif isinstance(key, ast.Constant) and isinstance(key.value, str):
                    named[key.value] = _given(value, found.scope)
                else:
                    raise Unknown(found.scope.source, key, "the key of an argument is not text")
            return named

    def _helper(
        self, helper: Definition, call: ast.Call, scope: Scope
    ) -> Mapping[str, Argument] | None:
        """Follow a function whose body is one ``return``, with its parameters bound."""
        body = [line for line in helper.node.body if not _is_docstring(line)]
        if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
            return None
        layer = self._bound(helper, call, scope)
        return self.find(body[0].value, helper.scope.within(layer))

    def _bound(self, helper: Definition, call: ast.Call, scope: Scope) -> dict[str, Binding]:
        """Bind a helper's parameters to what the call gives."""
        if not isinstance(helper.node, ast.FunctionDef) or any(
            isinstance(argument, ast.Starred) for argument in call.args
        ):
            raise Unknown(scope.source, call, "`*` in this call is not followed")
        spec = helper.node.args
        positional = [*spec.posonlyargs, *spec.args]
        layer = _defaults(spec, helper.scope)
        for parameter, value in zip(positional, call.args, strict=False):
            layer[parameter.arg] = Assigned(value, scope)
        rest: dict[str, Argument] = {}
        known = {parameter.arg for parameter in [*spec.args, *spec.kwonlyargs]}
        for keyword in call.keywords:
            given = (
                {keyword.arg: Argument(keyword.value, scope)}
                if keyword.arg is not None
                else self._unpacked(keyword.value, scope)
            )
            for name, argument in given.items():
                if name in known:
                    layer[name] = Assigned(argument.node, argument.scope)
                else:
                    rest[name] = argument
        if spec.kwarg is not None:
            layer[spec.kwarg.arg] = _as_dict(rest, call, scope)
        return layer


def _given(node: ast.expr, scope: Scope) -> Argument:
    """Return an argument; what a helper only passes on, where the helper's caller wrote it."""
    if isinstance(node, ast.Name) and scope.layers:
        passed = scope.layers[0].get(node.id)
        if isinstance(passed, Assigned) and passed.scope is not None:
            return Argument(passed.node, passed.scope)
    return Argument(node, scope)


def _defaults(spec: ast.arguments, scope: Scope) -> dict[str, Binding]:
    positional = [*spec.posonlyargs, *spec.args]
    optional = positional[len(positional) - len(spec.defaults) :]
    pairs = [
        *zip(optional, spec.defaults, strict=True),
        *zip(spec.kwonlyargs, spec.kw_defaults, strict=True),
    ]
    return {arg.arg: Assigned(value, scope) for arg, value in pairs if value is not None}


def _as_dict(rest: Mapping[str, Argument], call: ast.Call, scope: Scope) -> Assigned:
    """Return what ``**kwargs`` holds as a dict of names, each bound to the caller's expression."""
    keys: list[ast.expr | None] = [ast.copy_location(ast.Constant(name), call) for name in rest]
    values: list[ast.expr] = [
        ast.copy_location(ast.Name(f"{name}=", ast.Load()), call) for name in rest
    ]
    layer = {f"{name}=": Assigned(item.node, item.scope) for name, item in rest.items()}
    return Assigned(ast.copy_location(ast.Dict(keys, values), call), scope.within(layer))


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
