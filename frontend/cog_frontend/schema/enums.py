"""The members of an enum class, read off its body."""

from __future__ import annotations

import ast
from collections.abc import Callable

from cog_frontend.schema.names import Assigned, Scope
from cog_frontend.schema.project import Definition, Foreign, Project
from cog_frontend.schema.source import Refusal
from cog_frontend.schema.values import Member

_ENUMS = frozenset({"enum.Enum", "enum.IntEnum", "enum.StrEnum"})


def is_enum(project: Project, definition: Definition) -> bool:
    """Whether the class is an ``Enum``, ``IntEnum`` or ``StrEnum``."""
    return isinstance(definition.node, ast.ClassDef) and any(
        isinstance(base, Foreign) and base.name in _ENUMS for base in project.lineage(definition)
    )


def enum_members(
    project: Project, definition: Definition, evaluate: Callable[[ast.expr, Scope], object]
) -> tuple[Member, ...]:
    """Return the members in the order of their definition, aliases left out.

    Empty for a class that is no enum; raises ``Refusal`` for a value that is not a constant.
    """
    if not is_enum(project, definition):
        return ()
    members: list[Member] = []
    scope = project.class_scope(definition)
    lower = any(
        isinstance(base, Foreign) and base.name == "enum.StrEnum"
        for base in project.lineage(definition)
    )
    for name, binding in scope.layers[0].items():
        if name.startswith("_") or not isinstance(binding, Assigned):
            continue
        if _is_auto(project, binding.node, scope):
            value: object = name.lower() if lower else _next(members)
        else:
            value = evaluate(binding.node, scope)
        if all(member.value != value for member in members):
            members.append(Member(definition.node.name, name, value))
    if not members:
        raise Refusal(scope.source, definition.node, f"enum {definition.node.name} has no members")
    return tuple(members)


def _is_auto(project: Project, node: ast.expr, scope: Scope) -> bool:
    """Whether the value is ``enum.auto()``."""
    if not isinstance(node, ast.Call):
        return False
    found = project.resolve(node.func, scope)
    return isinstance(found, Foreign) and found.name == "enum.auto"


def _next(members: list[Member]) -> int:
    """Return what ``auto()`` gives: one more than the last value that is an int."""
    numbers = [member.value for member in members if isinstance(member.value, int)]
    return max(numbers, default=0) + 1
