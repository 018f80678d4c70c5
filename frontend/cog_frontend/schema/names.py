"""What each name of a module or class body stands for, read off its statements, nothing run.

A name that one plain statement sets keeps that statement. A value that a condition, a loop or a
later statement changes is ``Unclear``: guessing it would put a wrong default into the schema.

Named tuples stand here and in the modules around this one where dataclasses would: they take an
eighth of the time to define, and every build waits for this package to load.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cog_frontend.schema.source import Source

_CHANGING_METHODS = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove"}
    | {"reverse", "setdefault", "sort", "update"}
)


class Imported(NamedTuple):
    """``import module`` (no ``name``) or ``from module import name``.

    ``directory`` is where a relative import starts; None for an absolute one. A relative import
    that leaves the project has ``outside``.
    """

    module: str
    name: str | None = None
    directory: str | None = None
    outside: bool = False


class Defined(NamedTuple):
    """A ``class`` or ``def`` statement."""

    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Assigned(NamedTuple):
    """An expression given a name; ``scope`` is where it is to be read (None: where it stands)."""

    node: ast.expr
    scope: Scope | None = None


class Known(NamedTuple):
    """A value that is worked out already, such as the variable of a comprehension."""

    value: object


class Unclear(NamedTuple):
    """A name whose value depends on running the code; ``reason`` says on what."""

    reason: str


Binding = Imported | Defined | Assigned | Known | Unclear


class Names(NamedTuple):
    """The names that a body binds, and the modules it takes all names from."""

    bound: Mapping[str, Binding]
    stars: tuple[Imported, ...] = ()


class Module(NamedTuple):
    """A file of the project with its top-level names."""

    source: Source
    names: Names


class Scope(NamedTuple):
    """Where an expression is read: layers of names, innermost first, then the module's."""

    module: Module
    layers: tuple[Mapping[str, Binding], ...] = ()

    @property
    def source(self) -> Source:
        """The file that the expression stands in."""
        return self.module.source

    def within(self, layer: Mapping[str, Binding]) -> Scope:
        """Return this scope with one more layer inside it."""
        return Scope(self.module, (layer, *self.layers))


def module_of(source: Source) -> Module:
    """Return the file's top-level names."""
    return Module(source, read_names(source.tree.body, source.path))


def read_names(body: Iterable[ast.stmt], path: str) -> Names:
    """Return what the statements bind; ``path`` is the file that relative imports start from."""
    reader = _Reader(posixpath.dirname(path))
    reader.read(body, "")
    return Names(reader.bound, tuple(reader.stars))


class _Reader:
    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.bound: dict[str, Binding] = {}
        self.stars: list[Imported] = []

    def read(self, body: Iterable[ast.stmt], condition: str) -> None:
        for statement in body:
            self._statement(statement, condition)

    def _statement(self, node: ast.stmt, condition: str) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node, condition)
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                self._bind(node.name, Defined(node), condition)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value, condition)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self._assign(target, value, condition)
            case ast.AugAssign(target=target):
                self._change(target, node)
            case ast.Delete(targets=targets):
                for target in targets:
                    self._change(target, node)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr=attr))):
                if attr in _CHANGING_METHODS:
                    self._change(owner, node)
            case _:
                self._block(node, condition)

    def _block(self, node: ast.stmt, condition: str) -> None:
        """Read what is inside an ``if``, ``try``, ``with`` or loop."""
        here = condition or f"under a condition in line {node.lineno}"
        loop = condition or f"in a loop in line {node.lineno}"
        match node:
            case ast.If(test=test, body=body, orelse=orelse):
                self.read(body, condition if _is_type_checking(test) else here)
                self.read(orelse, here)
            case ast.Try() | ast.TryStar():
                self.read(node.body, condition)
                for handler in node.handlers:
                    self.read(handler.body, here)
                self.read([*node.orelse, *node.finalbody], here)
            case ast.With(items=items, body=body):
                for item in items:
                    self._unclear(item.optional_vars, "set by a `with` statement")
                self.read(body, condition)
            case ast.For(target=target, body=body, orelse=orelse):
                self._unclear(target, f"set {loop}")
                self.read([*body, *orelse], loop)
            case ast.While(body=body, orelse=orelse):
                self.read([*body, *orelse], loop)
            case _ if type(node).__name__ == "TypeAlias":  # `type X = ...`, from Python 3.12
                alias = vars(node)
                self._assign(alias["name"], alias["value"], condition)
            case _:
                pass

    def _import(self, node: ast.Import | ast.ImportFrom, condition: str) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                self._bind(alias.asname or module, Imported(module), condition)
            return
        for alias in node.names:
            name = None if alias.name == "*" else alias.name
            imported = self._imported(node, name)
            if name is None:
                self.stars.append(imported)
            else:
                self._bind(alias.asname or name, imported, condition)

    def _imported(self, node: ast.ImportFrom, name: str | None) -> Imported:
        module = node.module or ""
        if not node.level:
            return Imported(module, name)
        parts = [part for part in self.directory.split("/") if part]
        up = node.level - 1
        directory = "/".join(parts[: len(parts) - up])
        return Imported(module, name, directory, outside=up > len(parts))

    def _assign(self, target: ast.expr, value: ast.expr, condition: str) -> None:
        match target, value:
            case ast.Name(id=name), _:
                self._bind(name, Assigned(value), condition)
            case (ast.Tuple(elts=names), ast.Tuple(elts=values) | ast.List(elts=values)) if len(
                names
            ) == len(values) and not any(isinstance(v, ast.Starred) for v in [*names, *values]):
                for name_node, value_node in zip(names, values, strict=True):
                    self._assign(name_node, value_node, condition)
            case ast.Tuple() | ast.List(), _:
                self._unclear(target, f"unpacked from another value in line {target.lineno}")
            case _:
                self._change(target, target)

    def _bind(self, name: str, binding: Binding, condition: str) -> None:
        earlier = self.bound.get(name)
        if condition and isinstance(earlier, Imported | Defined):
            return  # the fallback of `try: from a import x` / `except ImportError: ...`
        if isinstance(binding, Assigned):
            if condition:
                binding = Unclear(f"set {condition}")
            elif isinstance(earlier, Assigned):
                lines = f"{earlier.node.lineno} and {binding.node.lineno}"
                binding = Unclear(f"set more than once, in lines {lines}")
            elif isinstance(earlier, Unclear):
                return
        self.bound[name] = binding

    def _change(self, target: ast.expr, node: ast.stmt | ast.expr) -> None:
        """Note that a statement changes what the first name of ``target`` stands for.

        Setting an attribute of a class or a module (``sys.path.append``) leaves the name as it is.
        """
        through_attribute = False
        while isinstance(target, ast.Subscript | ast.Attribute | ast.Starred):
            through_attribute = through_attribute or isinstance(target, ast.Attribute)
            target = target.value
        if isinstance(target, ast.Name):
            binding = self.bound.get(target.id)
            if through_attribute and isinstance(binding, Defined | Imported):
                return
            self.bound[target.id] = Unclear(f"changed in line {node.lineno}")

    def _unclear(self, target: ast.expr | None, reason: str) -> None:
        if target is None:
            return
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.bound[node.id] = Unclear(reason)


def _is_type_checking(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case _:
            return False
