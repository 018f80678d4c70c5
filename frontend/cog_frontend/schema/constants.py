"""Expressions worked out without running them: literals, names of literals, simple arithmetic.

What a value depends on (the environment, a call, a loop) makes it a ``Refusal``, never a guess.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from cog_frontend.schema import operations
from cog_frontend.schema.enums import enum_members
from cog_frontend.schema.model import Json
from cog_frontend.schema.names import Binding, Known, Scope
from cog_frontend.schema.project import Definition, Foreign, Missing, Package, Project, Value
from cog_frontend.schema.source import Refusal, Unknown
from cog_frontend.schema.values import Member, to_json

_CERTAIN = (ArithmeticError, LookupError)
_EXPECTED = (TypeError, ValueError)


class Constants:
    """Works out expressions of one project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._members: dict[ast.AST, tuple[Member, ...]] = {}

    def json(self, node: ast.expr, scope: Scope) -> Json:
        """Return the expression's value as JSON; raise ``Refusal`` when it has none."""
        value = self.value(node, scope)
        try:
            return to_json(value)
        except (TypeError, ValueError) as error:
            raise Refusal(scope.source, node, str(error)) from error

    def json_items(self, node: ast.expr, scope: Scope) -> list[Json]:
        """Return the items of a list, a set, the keys of a dict or an enum class, as JSON."""
        value = self._argument(node, scope)
        if isinstance(value, str):
            raise Refusal(scope.source, node, "text is not a list of choices")
        try:
            return [to_json(item) for item in operations.items(value)]
        except (TypeError, ValueError) as error:
            raise Refusal(scope.source, node, str(error)) from error

    def value(self, node: ast.expr, scope: Scope) -> object:
        """Return the expression's value: plain Python, enum members as ``Member``."""
        with self.project.effort.step(node, scope):
            try:
                return self._value(node, scope)
            except _CERTAIN as error:
                raise Refusal(scope.source, node, f"cannot be worked out: {error}") from error
            except _EXPECTED as error:  # wrong, or more than is followed here
                raise Unknown(scope.source, node, f"cannot be worked out: {error}") from error

    def members(self, definition: Definition) -> tuple[Member, ...]:
        """Return the members of an enum class, aliases left out; raise ``Refusal``."""
        node = definition.node
        if node not in self._members:
            self._members[node] = enum_members(self.project, definition, self.value)
        return self._members[node]

    def _value(self, node: ast.expr, scope: Scope) -> object:
        match node:
            case ast.Constant(value=value):
                found: object = value
            case ast.Name() | ast.Attribute():
                found = self._named(node, scope)
            case ast.List(elts=elements):
                found = self._elements(elements, scope)
            case ast.Tuple(elts=elements):
                found = tuple(self._elements(elements, scope))
            case ast.Set(elts=elements):
                found = operations.unique(self._elements(elements, scope))
            case ast.Dict():
                found = self._dict(node, scope)
            case ast.Call():
                found = self._call(node, scope)
            case ast.Subscript(value=owner, slice=index):
                found = self._item(self.value(owner, scope), index, scope)
            case ast.JoinedStr(values=parts):
                found = "".join(self._part(part, scope) for part in parts)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                found = self._comprehension(node, scope)
            case _:
                found = self._operation(node, scope)
        return found

    def _operation(self, node: ast.expr, scope: Scope) -> object:
        match node:
            case ast.BinOp(left=left, op=op, right=right) if type(op) in operations.BINARY:
                calculate = operations.BINARY[type(op)]
                return calculate(self.value(left, scope), self.value(right, scope))
            case ast.UnaryOp(op=op, operand=operand):
                return operations.UNARY[type(op)](self.value(operand, scope))
            case ast.BoolOp(op=op, values=parts):
                return self._first(parts, scope, wanted=isinstance(op, ast.Or))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                compare = operations.COMPARE[type(op)]
                return compare(self.value(left, scope), self.value(right, scope))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self.value(test, scope) else orelse, scope)
            case _:
                message = f"`{shown(node)}` is not a constant"
                hint = "write it as a literal, or name a module-level constant"
                raise Unknown(scope.source, node, message, hint=hint)

    def _first(self, nodes: list[ast.expr], scope: Scope, *, wanted: bool) -> object:
        """Return the first value that is as true as ``wanted``, else the last: and / or."""
        value: object = None
        for node in nodes:
            value = self.value(node, scope)
            if bool(value) == wanted:
                break
        return value

    def _named(self, node: ast.Name | ast.Attribute, scope: Scope) -> object:
        if isinstance(node, ast.Attribute) and (known := self._member(node, scope)) is not None:
            return known.value
        found = self.project.resolve(node, scope)
        match found:
            case Value(node=inner, scope=own):
                return self.value(inner, own)
            case Known(value=value):
                return value
            case Foreign(name=name) if name in operations.CONSTANTS:
                return operations.CONSTANTS[name]
            case Missing(reason=reason, undefined=undefined):
                refused = Refusal if undefined else Unknown
                raise refused(scope.source, node, f"`{shown(node)}` {reason}")
            case Foreign() | Package() | Definition():
                message = f"the value of `{shown(node)}` is not known before the code runs"
                hint = "write the value as a literal"
                if isinstance(found, Foreign) and not found.name.startswith("builtins."):
                    hint = f"{found.name} is not in the project: {hint}"
                raise Unknown(scope.source, node, message, hint=hint)

    def _member(self, node: ast.Attribute, scope: Scope) -> Known | None:
        """Return the enum member that ``Color.RED`` names, or its part for ``member.value``."""
        owner = self.project.resolve(node.value, scope)
        if isinstance(owner, Definition):
            named = [member for member in self.members(owner) if member.name == node.attr]
            return Known(named[0]) if named else None
        if node.attr in {"name", "value"} and isinstance(owner, Value | Known):
            member = self.value(node.value, scope)
            if isinstance(member, Member):
                return Known(member.name if node.attr == "name" else member.value)
        return None

    def _elements(self, nodes: list[ast.expr], scope: Scope) -> list[object]:
        values: list[object] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                values.extend(self._iterate(node.value, scope))
            else:
                values.append(self.value(node, scope))
        return operations.items(values)

    def _iterate(self, node: ast.expr, scope: Scope) -> list[object]:
        return operations.items(self._argument(node, scope))

    def _argument(self, node: ast.expr, scope: Scope) -> object:
        """Return a value that a function or a loop takes; an enum class gives its members."""
        if isinstance(node, ast.Name | ast.Attribute):
            found = self.project.resolve(node, scope)
            if isinstance(found, Definition) and (members := self.members(found)):
                return members
        return self.value(node, scope)

    def _dict(self, node: ast.Dict, scope: Scope) -> dict[object, object]:
        built: dict[object, object] = {}
        for key, value_node in zip(node.keys, node.values, strict=True):
            value = self.value(value_node, scope)
            if key is not None:
                built[self.value(key, scope)] = value
            elif isinstance(value, dict):
                built.update(value)
            else:
                raise TypeError("`**` needs a dict")
        return built

    def _item(self, owner: object, index: ast.expr, scope: Scope) -> object:
        if not isinstance(owner, str | list | tuple | dict):
            raise TypeError(f"{type(owner).__name__} has no items")
        if isinstance(index, ast.Slice):
            if isinstance(owner, dict):
                raise TypeError("a dict cannot be sliced")
            return owner[self._slice(index, scope)]
        key = self.value(index, scope)
        if isinstance(owner, dict):
            return owner[key]
        if not isinstance(key, int):
            raise TypeError("the index is not an integer")
        return owner[key]

    def _slice(self, node: ast.Slice, scope: Scope) -> slice:
        bounds: list[int | None] = []
        for bound in (node.lower, node.upper, node.step):
            value = None if bound is None else self.value(bound, scope)
            if value is not None and not isinstance(value, int):
                raise TypeError("a bound of the slice is not an integer")
            bounds.append(value)
        return slice(*bounds)

    def _part(self, node: ast.expr, scope: Scope) -> str:
        """Return one part of an f-string; a conversion or format is not followed."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
                return operations.text(self.value(inner, scope))
            case _:
                raise TypeError("a format in an f-string is not followed")

    def _call(self, node: ast.Call, scope: Scope) -> object:
        function = self.project.resolve(node.func, scope)
        if isinstance(function, Foreign) and function.name == "typing.get_args":
            return self._literal_arguments(node, scope)
        if isinstance(function, Foreign) and function.name in operations.FUNCTIONS:
            arguments = [self._argument(argument, scope) for argument in node.args]
            keywords = self._keywords(node, scope)
            return operations.FUNCTIONS[function.name](*arguments, **keywords)
        if isinstance(node.func, ast.Attribute) and not isinstance(function, Foreign):
            return self._method(node, node.func, scope)
        raise Unknown(
            scope.source,
            node,
            f"the result of `{shown(node.func)}()` is not known before the code runs",
            hint="write the value as a literal",
        )

    def _method(self, node: ast.Call, func: ast.Attribute, scope: Scope) -> object:
        owner = self.value(func.value, scope)
        method = operations.METHODS.get((type(owner), func.attr))
        if method is None:
            raise TypeError(f"{func.attr}() of a {type(owner).__name__} is not followed")
        arguments = [self._argument(argument, scope) for argument in node.args]
        return method(owner, *arguments, **self._keywords(node, scope))

    def _keywords(self, node: ast.Call, scope: Scope) -> dict[str, object]:
        if any(keyword.arg is None for keyword in node.keywords):
            raise TypeError("`**` in a call is not followed")
        return {str(item.arg): self.value(item.value, scope) for item in node.keywords}

    def _literal_arguments(self, node: ast.Call, scope: Scope) -> tuple[object, ...]:
        """Return the values of ``get_args(Literal[...])``."""
        if len(node.args) == 1:
            found = self.project.resolve(node.args[0], scope)
            if isinstance(found, Value) and isinstance(found.node, ast.Subscript):
                owner = self.project.resolve(found.node.value, found.scope)
                if isinstance(owner, Foreign) and owner.name == "typing.Literal":
                    return self.literal(found.node, found.scope)
        raise TypeError("get_args() is followed for Literal types only")

    def literal(self, node: ast.Subscript, scope: Scope) -> tuple[object, ...]:
        """Return the values inside ``Literal[...]``."""
        elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return operations.unique(self._elements(elements, scope))

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope
    ) -> object:
        if len(node.generators) != 1 or node.generators[0].is_async:
            raise TypeError("a comprehension over more than one iterable is not followed")
        scopes = self._rounds(node.generators[0], scope)
        if isinstance(node, ast.DictComp):
            return {self.value(node.key, s): self.value(node.value, s) for s in scopes}
        values = [self.value(node.elt, inner) for inner in scopes]
        return operations.unique(values) if isinstance(node, ast.SetComp) else values

    def _rounds(self, generator: ast.comprehension, scope: Scope) -> Iterator[Scope]:
        for item in self._iterate(generator.iter, scope):
            inner = scope.within(_targets(generator.target, item))
            if all(self.value(test, inner) for test in generator.ifs):
                yield inner


def _targets(target: ast.expr, item: object) -> dict[str, Binding]:
    match target:
        case ast.Name(id=name):
            return {name: Known(item)}
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            values = operations.items(item)
            if len(values) != len(elements):
                raise ValueError(f"{len(values)} values for {len(elements)} names")
            bound: dict[str, Binding] = {}
            for element, value in zip(elements, values, strict=True):
                bound.update(_targets(element, value))
            return bound
        case _:
            raise TypeError("the target of the comprehension is not a name")


def shown(node: ast.AST) -> str:
    """Return the source of an expression, shortened to fit a message."""
    try:
        text = ast.unparse(node)
    except (ValueError, RecursionError):  # a number of thousands of digits, a very deep tree
        return "this expression"
    return text if len(text) <= 60 else f"{text[:57]}..."
