"""Annotations read as shapes; the names in them count by what they are imported from.

``pathlib.Path`` means a file as ``cog.Path`` does (upstream: pkg/schema resolves by the bare name).
"""

from __future__ import annotations

import ast

from cog_frontend.errors import near
from cog_frontend.schema import known
from cog_frontend.schema.constants import Constants, shown
from cog_frontend.schema.model import (
    AnyOf,
    Choice,
    Json,
    Kind,
    ListOf,
    MapOf,
    OutputType,
    Scalar,
    Shape,
)
from cog_frontend.schema.names import Scope
from cog_frontend.schema.project import Definition, Foreign, Found, Missing, Value, canonical, last
from cog_frontend.schema.records import Records
from cog_frontend.schema.report import Report
from cog_frontend.schema.source import Refusal, Unknown, quiet_warnings
from cog_frontend.schema.values import to_json


class Annotations:
    """Reads the annotations of one project.

    ``whole`` is false for inputs: there the document says ``object`` of a mapping, whatever the
    mapping holds, so its values need not be types that the document knows. ``inside`` holds the
    records that are being read: one that holds itself is any object there (upstream: pkg/schema).
    """

    def __init__(
        self,
        constants: Constants,
        report: Report,
        *,
        whole: bool,
        inside: tuple[ast.AST, ...] = (),
    ) -> None:
        self.constants = constants
        self.report = report
        self.whole = whole
        self.inside = inside

    def output(self, node: ast.expr, scope: Scope) -> OutputType:
        """Return what a return annotation says; raise ``Refusal``."""
        node, scope = self._settled(node, scope)
        name = self._generic_name(node, scope)
        if name in known.CONCATENATE:
            return self._concatenate(node, scope)
        if name in known.ITERATORS:
            if not isinstance(node, ast.Subscript) or not _arguments(node):
                raise Refusal(
                    scope.source,
                    node,
                    f"{last(name)} does not say what it yields",
                    hint=f"write {last(name)}[str], or whatever the items are",
                )
            return OutputType(self.shape(_arguments(node)[0], scope), "iterator")
        shape = self.shape(node, scope)
        if isinstance(shape, AnyOf):
            what = "Optional" if shape.nullable else "Union"
            raise Refusal(
                scope.source,
                node,
                f"an output cannot be {what}",
                hint="return one type, or typing.Any for an output that varies",
            )
        return OutputType(shape)

    def shape(self, node: ast.expr, scope: Scope) -> Shape:
        """Return the shape that an annotation stands for; raise ``Refusal``."""
        with self.constants.project.effort.step(node, scope):
            match node:
                case ast.Constant(value=str(text)):
                    return self.shape(_parsed(node, text, scope), scope)
                case ast.Constant(value=None):
                    raise Refusal(scope.source, node, "None alone is not a type of a value")
                case ast.BinOp(op=ast.BitOr()):
                    return self._union(_alternatives(node), scope)
                case ast.Subscript():
                    return self._subscript(node, scope)
                case ast.Name() | ast.Attribute():
                    found = self.constants.project.resolve(node, scope)
                    return self._found(found, node, scope)
                case ast.Call():
                    return self._call(node, scope)
                case _:
                    raise self._unsupported(node, scope)

    def _found(self, found: Found, node: ast.expr, scope: Scope) -> Shape:
        match found:
            case Foreign(name=name) if (kind := known.KINDS.get(canonical(name))) is not None:
                return Scalar(kind)
            case Foreign(name=name) if canonical(name) in known.LISTS:
                return ListOf(None)
            case Foreign(name=name):
                raise self._foreign(canonical(name), node, scope)
            case Definition(node=ast.ClassDef()):
                return self._class(found, node, scope)
            case Value(node=inner, scope=own):
                return self.shape(inner, own)
            case Missing(reason=reason, candidates=candidates, undefined=undefined):
                name = shown(node)
                spelt = (*candidates, *map(last, known.KINDS))
                hint = known.import_advice(name) or near(name, spelt)
                refused = Refusal if undefined else Unknown
                raise refused(scope.source, node, f"`{name}` {reason}", hint=hint)
            case _:
                raise self._unsupported(node, scope)

    def _class(self, found: Definition, node: ast.expr, scope: Scope) -> Shape:
        members = self.constants.members(found)
        if members:
            return self._choice([member.value for member in members], node, scope)
        inside = (*self.inside, found.node)
        inner = Annotations(self.constants, self.report, whole=True, inside=inside)
        records = Records(self.constants, self.report, inner.shape)
        family = records.family(found)
        if found.node in self.inside or (family == "typed_dict" and not self.whole):
            return Scalar(Kind.OBJECT)
        if family is None and records.may_be_record(found):
            message = f"`{shown(node)}` has a base outside the project"
            raise Unknown(scope.source, node, message, hint=f"use one of {known.SCALARS}")
        if family is None:
            raise self._unsupported(node, scope)
        if not self.whole:
            message = f"the {family} {found.node.name} cannot be an input"
            hint = "take its fields as inputs of their own, or use dict"
            raise Refusal(scope.source, node, message, hint=hint)
        return records.read(found)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Shape:
        name = self._generic_name(node, scope)
        arguments = _arguments(node)
        match name, len(arguments):
            case "typing.Literal", _:
                shape = self._literal(node, scope)
            case "typing.Annotated", count if count:
                shape = self._annotated(arguments, scope)
            case "typing.Optional", 1:
                none = ast.copy_location(ast.Constant(None), node)
                shape = self._union([*arguments, none], scope)
            case "typing.Union", count if count:
                shape = self._union(arguments, scope)
            case _, 1 if name in known.LISTS:
                shape = ListOf(self.shape(arguments[0], scope))
            case _, 2 if name in known.MAPS:
                values = MapOf(self.shape(arguments[1], scope)) if self.whole else None
                shape = values or Scalar(Kind.OBJECT)
            case _, 1 if name in known.WRAPPERS:
                shape = self.shape(arguments[0], scope)
            case _ if name:
                raise self._foreign(name, node, scope)
            case _:
                shape = self.shape(node.value, scope)
        return shape

    def _annotated(self, arguments: list[ast.expr], scope: Scope) -> Shape:
        for extra in arguments[1:]:
            callee = extra.func if isinstance(extra, ast.Call) else extra
            found = self.constants.project.resolve(callee, scope)
            name = canonical(found.name) if isinstance(found, Foreign) else ""
            if name == "cog.Opaque":
                return Scalar(Kind.OBJECT)
            if name == "cog.Input":
                raise Refusal(
                    scope.source,
                    extra,
                    "Input() inside Annotated is not read",
                    hint="write it as the default: `name: type = Input(...)`",
                )
        return self.shape(arguments[0], scope)

    def _union(self, nodes: list[ast.expr], scope: Scope) -> Shape:
        variants: list[Shape] = []
        nullable = False
        for node in nodes:
            if isinstance(node, ast.Constant) and node.value is None:
                nullable = True
                continue
            shape = self.shape(node, scope)
            inner = shape.variants if isinstance(shape, AnyOf) else (shape,)
            nullable = nullable or (isinstance(shape, AnyOf) and shape.nullable)
            variants.extend(variant for variant in inner if variant not in variants)
        if not variants:
            raise Refusal(scope.source, nodes[0], "None alone is not a type of a value")
        return (
            variants[0] if len(variants) == 1 and not nullable else AnyOf(tuple(variants), nullable)
        )

    def _literal(self, node: ast.Subscript, scope: Scope) -> Shape:
        values = list(self.constants.literal(node, scope))
        if None not in values:
            return self._choice(values, node, scope)
        values = [value for value in values if value is not None]
        return AnyOf((self._choice(values, node, scope),), nullable=True)

    def _choice(self, values: list[object], node: ast.expr, scope: Scope) -> Shape:
        try:
            plain: list[Json] = [to_json(value) for value in values]
        except (TypeError, ValueError) as error:
            raise Refusal(scope.source, node, f"a choice cannot be used: {error}") from error
        kind = choice_kind(plain)
        if kind is None:
            raise Refusal(
                scope.source,
                node,
                f"the choices of `{shown(node)}` are not all text, all numbers or all booleans",
                hint="give them one type",
            )
        return Choice(kind, tuple(plain))

    def _concatenate(self, node: ast.expr, scope: Scope) -> OutputType:
        if isinstance(node, ast.Subscript) and len(_arguments(node)) == 1:
            item = self.shape(_arguments(node)[0], scope)
            if item == Scalar(Kind.STRING):
                return OutputType(item, "concatenate")
        raise Refusal(
            scope.source,
            node,
            "ConcatenateIterator joins text: its items must be str",
            hint="write ConcatenateIterator[str], or Iterator[...] for other items",
        )

    def _call(self, node: ast.Call, scope: Scope) -> Shape:
        """Read ``NewType("Name", base)`` as its base."""
        found = self.constants.project.resolve(node.func, scope)
        is_new_type = isinstance(found, Foreign) and found.name in known.NEW_TYPES
        if is_new_type and len(node.args) == 2:
            return self.shape(node.args[1], scope)
        message = f"the type `{shown(node)}` is not known before the code runs"
        raise Unknown(scope.source, node, message, hint=f"use one of {known.SCALARS}")

    def _settled(self, node: ast.expr, scope: Scope) -> tuple[ast.expr, Scope]:
        """Return the annotation behind text and aliases: where its outermost type is written."""
        with self.constants.project.effort.step(node, scope):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                return self._settled(_parsed(node, node.value, scope), scope)
            if isinstance(node, ast.Name | ast.Attribute):
                found = self.constants.project.resolve(node, scope)
                if isinstance(found, Value):
                    return self._settled(found.node, found.scope)
            return node, scope

    def _generic_name(self, node: ast.expr, scope: Scope) -> str:
        """Return the canonical name of the type before the brackets; "" for the project's own."""
        owner = node.value if isinstance(node, ast.Subscript) else node
        found = self.constants.project.resolve(owner, scope)
        return canonical(found.name) if isinstance(found, Foreign) else ""

    def _foreign(self, name: str, node: ast.expr, scope: Scope) -> Refusal:
        hint = known.advice(name)
        message = f"`{shown(node)}` is not a supported type"
        refused = Unknown if known.may_be_supported(name) else Refusal
        return refused(scope.source, node, message, hint=hint)

    def _unsupported(self, node: ast.expr, scope: Scope) -> Refusal:
        message = f"`{shown(node)}` is not a supported type"
        return Refusal(scope.source, node, message, hint=f"use one of {known.SCALARS}")


def choice_kind(values: list[Json]) -> Kind | None:
    """Return the one plain type of all values, None where there is none."""
    kinds = {type(value) for value in values}
    if kinds == {str}:
        return Kind.STRING
    if kinds == {bool}:
        return Kind.BOOLEAN
    if kinds == {int}:
        return Kind.INTEGER
    return Kind.NUMBER if kinds and kinds <= {int, float} else None


def _alternatives(node: ast.expr) -> list[ast.expr]:
    """Return the parts of ``a | b | c`` from left to right."""
    parts: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        parts.append(node.right)
        node = node.left
    return [node, *reversed(parts)]


def _arguments(node: ast.Subscript) -> list[ast.expr]:
    return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]


def _parsed(node: ast.Constant, text: str, scope: Scope) -> ast.expr:
    """Parse an annotation written as text; every part of it stands where the text stands."""
    try:
        with quiet_warnings():
            parsed = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Refusal(scope.source, node, "the text is not a type") from error
    for part in ast.walk(parsed):
        ast.copy_location(part, node)
    return parsed
