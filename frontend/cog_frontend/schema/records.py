"""Classes with named fields: ``BaseModel`` (Cog's or pydantic's), ``TypedDict``, dataclasses."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

from cog_frontend.schema import known
from cog_frontend.schema.constants import Constants
from cog_frontend.schema.model import AnyOf, Json, Record, RecordField, Shape
from cog_frontend.schema.names import Scope
from cog_frontend.schema.project import Definition, Foreign, canonical
from cog_frontend.schema.report import Report
from cog_frontend.schema.source import Refusal

Family = Literal["model", "typed_dict", "dataclass"]

_MODELS = frozenset({"cog.BaseModel", "pydantic.BaseModel", "pydantic.v1.BaseModel"})
_TYPED_DICTS = frozenset({"typing.TypedDict"})
_DATACLASSES = frozenset({"dataclasses.dataclass", "pydantic.dataclasses.dataclass"})
_FIELDS = frozenset({"pydantic.Field", "pydantic.v1.Field", "dataclasses.field", "cog.Input"})
_CLASS_VARIABLES = frozenset({"typing.ClassVar"})
_OPTIONAL_KEYS = frozenset({"typing.NotRequired"})
_REQUIRED_KEYS = frozenset({"typing.Required"})


class Records:
    """Reads record classes; ``shape`` reads the annotation of a field."""

    def __init__(
        self,
        constants: Constants,
        report: Report,
        shape: Callable[[ast.expr, Scope], Shape],
    ) -> None:
        self.constants = constants
        self.report = report
        self.shape = shape

    def family(self, definition: Definition) -> Family | None:
        """Return which kind of record the class is, None when it is none."""
        for base in self.constants.project.lineage(definition):
            if isinstance(base, Foreign):
                if canonical(base.name) in _MODELS:
                    return "model"
                if canonical(base.name) in _TYPED_DICTS:
                    return "typed_dict"
            elif self._is_dataclass(base):
                return "dataclass"
        return None

    def may_be_record(self, definition: Definition) -> bool:
        """Whether a base that is not in the project could make the class a record."""
        found = self.constants.project.lineage(definition)
        bases = [base for base in found if isinstance(base, Foreign)]
        return any(known.may_be_supported(base.name) for base in bases)

    def read(self, definition: Definition) -> Record:
        """Return a record class with the fields of its bases first.

        A field that cannot be read goes to the report; raises ``Refusal`` for no fields at all.
        """
        own = [b for b in self.constants.project.lineage(definition) if isinstance(b, Definition)]
        fields: dict[str, RecordField] = {}
        annotated = 0
        for base in reversed(own):
            scope = self.constants.project.class_scope(base)
            for statement in _annotated(base.node.body):
                if self._wrapper(statement.annotation, scope) in _CLASS_VARIABLES:
                    continue
                annotated += 1
                read = partial(self._field, statement, base, scope)
                field = self.report.attempt(read, about=f"{base.node.name}.{_name(statement)}")
                if field is not None:
                    fields[field.name] = field
        if not annotated:
            message = f"{definition.node.name} has no annotated fields"
            raise Refusal(definition.scope.source, definition.node, message)
        return Record(definition.node.name, tuple(fields.values()))

    def _field(self, statement: ast.AnnAssign, owner: Definition, scope: Scope) -> RecordField:
        shape = self.shape(statement.annotation, scope)
        nullable = isinstance(shape, AnyOf) and shape.nullable
        if statement.value is None:
            wrapper = self._wrapper(statement.annotation, scope)
            required = wrapper in _REQUIRED_KEYS or (
                _is_total(owner.node) and wrapper not in _OPTIONAL_KEYS and not nullable
            )
            return RecordField(name=_name(statement), shape=shape, required=required)
        default, description, factory = self._value(statement.value, scope)
        worked_out = [] if default is None else self._constant(default, scope)
        return RecordField(
            name=_name(statement),
            shape=shape,
            required=default is None and not factory and not nullable,
            description=description,
            has_default=bool(worked_out) and worked_out[0] is not None,
            default=worked_out[0] if worked_out else None,
        )

    def _value(self, node: ast.expr, scope: Scope) -> tuple[ast.expr | None, str | None, bool]:
        """Split a field's value into its default, its description and "has a default_factory"."""
        if not isinstance(node, ast.Call):
            return node, None, False
        found = self.constants.project.resolve(node.func, scope)
        if not (isinstance(found, Foreign) and canonical(found.name) in _FIELDS):
            return node, None, False
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        default = node.args[0] if node.args else named.get("default")
        if isinstance(default, ast.Constant) and default.value is ...:
            default = None
        texts = self._constant(named["description"], scope) if "description" in named else []
        description = texts[0] if texts and isinstance(texts[0], str) else None
        return default, description, "default_factory" in named

    def _constant(self, node: ast.expr, scope: Scope) -> list[Json]:
        """Return the value in a list, or an empty list: a field's default only informs."""
        try:
            return [self.constants.json(node, scope)]
        except Refusal:
            return []

    def _wrapper(self, node: ast.expr, scope: Scope) -> str:
        """Return the name before the brackets of ``ClassVar[...]`` and the like."""
        owner = node.value if isinstance(node, ast.Subscript) else node
        if not isinstance(owner, ast.Name | ast.Attribute):
            return ""
        found = self.constants.project.resolve(owner, scope)
        return canonical(found.name) if isinstance(found, Foreign) else ""

    def _is_dataclass(self, definition: Definition) -> bool:
        for decorator in definition.node.decorator_list:
            callee = decorator.func if isinstance(decorator, ast.Call) else decorator
            found = self.constants.project.resolve(callee, definition.scope)
            if isinstance(found, Foreign) and found.name in _DATACLASSES:
                return True
        return False


def _annotated(body: list[ast.stmt]) -> Iterator[ast.AnnAssign]:
    """Yield the annotated names of a class body; private ones are no fields."""
    for statement in body:
        if isinstance(statement, ast.AnnAssign) and not _name(statement).startswith("_"):
            yield statement


def _name(statement: ast.AnnAssign) -> str:
    return statement.target.id if isinstance(statement.target, ast.Name) else "_"


def _is_total(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a TypedDict's keys are required (``total=False`` was not asked for)."""
    keywords = node.keywords if isinstance(node, ast.ClassDef) else []
    return not any(
        keyword.arg == "total"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is False
        for keyword in keywords
    )
