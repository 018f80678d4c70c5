"""Names followed to what they stand for, across the files of the project.

Files are read one by one as names need them: each read may be a round trip to the build daemon.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import enum
import posixpath
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from cog_frontend.schema.names import (
    Assigned,
    Binding,
    Defined,
    Imported,
    Known,
    Module,
    Names,
    Scope,
    Unclear,
    module_of,
    read_names,
)
from cog_frontend.schema.source import Refusal, SourceError, Unknown, parse

MAX_STEPS = 100_000
MAX_DEPTH = 40
MAX_HOPS = 40

_FOREIGN_ROOTS = frozenset({"cog", "pydantic", "typing_extensions"}) | sys.stdlib_module_names
_BUILTINS = frozenset(dir(builtins))
_STARRED: Mapping[str, frozenset[str]] = {
    "cog": frozenset(
        {"AsyncConcatenateIterator", "BaseModel", "BasePredictor", "BaseRunner", "File", "Input"}
        | {"ConcatenateIterator", "Opaque", "Path", "Secret", "URLFile", "URLPath"}
        | {"concurrent", "streaming"}
    ),
    "dataclasses": frozenset(dataclasses.__all__),
    "enum": frozenset(enum.__all__),
    "pathlib": frozenset({"Path", "PosixPath", "PurePath"}),
    "typing": frozenset(typing.__all__),
    "typing_extensions": frozenset(typing.__all__),
}
"""What ``from module import *`` gives, for the modules that a handler may take types from."""


class Foreign(NamedTuple):
    """Something that the project does not define: ``cog.Input``, ``builtins.str``."""

    name: str


class Definition(NamedTuple):
    """A class or function of the project and the scope that its statement stands in."""

    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    scope: Scope


class Value(NamedTuple):
    """An expression that a name stands for, and the scope to read it in."""

    node: ast.expr
    scope: Scope


class Package(NamedTuple):
    """A module that was imported whole; ``directory`` is set for a relative import."""

    module: str
    directory: str | None = None


class Missing(NamedTuple):
    """Nothing could be found; ``reason`` is the rest of a sentence that starts with the name.

    ``undefined``: Python would not find it either.
    """

    reason: str
    candidates: tuple[str, ...] = ()
    undefined: bool = False


Found = Foreign | Definition | Value | Package | Known | Missing


class Effort:
    """How much work reading may take; stops what would never end."""

    def __init__(self) -> None:
        self.steps = 0
        self.depth = 0

    @contextmanager
    def step(self, node: ast.AST, scope: Scope) -> Iterator[None]:
        """Count one step for as long as it lasts; raise ``Refusal`` over the limits."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Unknown(scope.source, node, "this takes too many steps to work out")
        if self.depth >= MAX_DEPTH:
            raise Refusal(scope.source, node, "this is nested too deeply, or goes in circles")
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


class Project:
    """The files of a project; ``roots`` are the directories that absolute imports start from."""

    def __init__(self, read: Callable[[str], bytes | None], roots: tuple[str, ...] = ("",)) -> None:
        self.effort = Effort()
        self._read = read
        self._roots = roots
        self._modules: dict[str, Module | SourceError | None] = {}
        self._bodies: dict[ast.AST, Names] = {}

    def open(self, path: str) -> Module | None:
        """Return the file's module, None where there is no such file; may raise ``SourceError``."""
        if path not in self._modules:
            self._modules[path] = self._opened(path)
        module = self._modules[path]
        if isinstance(module, SourceError):
            raise module
        return module

    def _opened(self, path: str) -> Module | SourceError | None:
        data = self._read(path)
        try:
            return None if data is None else module_of(parse(data, path))
        except SourceError as error:
            return error

    def resolve(self, node: ast.expr, scope: Scope, hops: int = MAX_HOPS) -> Found:
        """Follow a name or a dotted name to what it stands for in the end."""
        with self.effort.step(node, scope):
            match node:
                case ast.Name(id=name):
                    found = self._lookup(name, scope, hops)
                case ast.Attribute(value=value, attr=attr):
                    found = self._member(self.resolve(value, scope, hops), attr, hops)
                case _:
                    return Value(node, scope)
            if isinstance(found, Value) and isinstance(found.node, ast.Name | ast.Attribute):
                return self._follow(found, hops)
            return found

    def lineage(self, definition: Definition) -> Iterator[Definition | Foreign]:
        """Yield a class, then its bases, depth first; a base that cannot be found is left out."""
        seen: set[ast.AST] = set()
        waiting: list[Definition | Foreign] = [definition]
        while waiting:
            found = waiting.pop(0)
            yield found
            if isinstance(found, Foreign) or not isinstance(found.node, ast.ClassDef):
                continue
            seen.add(found.node)
            bases = [self.resolve(_generic(base), found.scope) for base in found.node.bases]
            waiting[:0] = [
                base
                for base in bases
                if isinstance(base, Foreign)
                or (isinstance(base, Definition) and base.node not in seen)
            ]

    def class_scope(self, definition: Definition) -> Scope:
        """Return the scope of the statements in a class body."""
        node = definition.node
        if node not in self._bodies:
            self._bodies[node] = read_names(node.body, definition.scope.source.path)
        return definition.scope.within(self._bodies[node].bound)

    def _follow(self, found: Value, hops: int) -> Found:
        if hops <= 0:
            return Missing("goes in circles")
        return self.resolve(found.node, found.scope, hops - 1)

    def _lookup(self, name: str, scope: Scope, hops: int) -> Found:
        for depth, layer in enumerate(scope.layers):
            if name in layer:
                outer = Scope(scope.module, scope.layers[depth:])
                return self._found(layer[name], outer, hops)
        names = scope.module.names
        if name in names.bound:
            return self._found(names.bound[name], Scope(scope.module), hops)
        return self._starred(name, names, hops) or self._builtin(name, names)

    def _builtin(self, name: str, names: Names) -> Found:
        if name in _BUILTINS:
            return Foreign(f"builtins.{name}")
        # What a module outside the project exports is not known.
        undefined = not any(
            self._module(star.module, star.directory) is None for star in names.stars
        )
        return Missing("is not defined in this file", tuple(names.bound), undefined)

    def _starred(self, name: str, names: Names, hops: int) -> Found | None:
        """Look into the modules of ``from module import *``, the last one first."""
        waiting = list(reversed(names.stars))
        seen: set[str] = set()
        while waiting and hops > 0:
            star = waiting.pop(0)
            module = self._module(star.module, star.directory)
            if module is None:
                if star.directory is None and name in _STARRED.get(star.module, ()):
                    return Foreign(f"{star.module}.{name}")
            elif module.source.path not in seen:
                seen.add(module.source.path)
                if name in module.names.bound:
                    return self._found(module.names.bound[name], Scope(module), hops - 1)
                waiting[:0] = reversed(module.names.stars)
        return None

    def _found(self, binding: Binding, scope: Scope, hops: int) -> Found:
        match binding:
            case Defined(node=node):
                return Definition(node, scope)
            case Assigned(node=node, scope=own):
                return Value(node, own or scope)
            case Known():
                return binding
            case Unclear(reason=reason):
                return Missing(f"is {reason}")
            case Imported():
                return self._imported(binding, hops)

    def _imported(self, binding: Imported, hops: int) -> Found:
        package = Package(binding.module, binding.directory)
        if binding.outside:
            return Missing("is imported from outside the project")
        return package if binding.name is None else self._exported(package, binding.name, hops)

    def _member(self, owner: Found, attr: str, hops: int) -> Found:
        match owner:
            case Package():
                return self._exported(owner, attr, hops)
            case Foreign(name=name):
                return Foreign(f"{name}.{attr}")
            case Definition(node=ast.ClassDef()):
                return self._attribute(owner, attr, hops)
            case Missing():
                return owner
            case _:
                return Missing("is not a name that can be followed")

    def _attribute(self, owner: Definition, attr: str, hops: int) -> Found:
        for base in self.lineage(owner):
            if isinstance(base, Definition):
                scope = self.class_scope(base)
                if attr in scope.layers[0]:
                    return self._found(scope.layers[0][attr], scope, hops)
        return Missing(f"is not an attribute of class {owner.node.name}")

    def _exported(self, package: Package, name: str, hops: int) -> Found:
        """Find what ``from package import name`` gives."""
        if hops <= 0:
            return Missing("goes in circles")
        module = self._module(package.module, package.directory)
        if module is not None:
            if name in module.names.bound:
                return self._found(module.names.bound[name], Scope(module), hops - 1)
            if found := self._starred(name, module.names, hops - 1):
                return found
        return self._submodule(package, name, module)

    def _submodule(self, package: Package, name: str, module: Module | None) -> Found:
        dotted = f"{package.module}.{name}".lstrip(".")
        if self._module(dotted, package.directory) is not None:
            return Package(dotted, package.directory)
        if module is not None:
            return Missing(f"is not defined in {module.source.path}", tuple(module.names.bound))
        if package.directory is not None:
            return Missing(f"is imported from a file that is not in {package.directory or '.'}/")
        return Foreign(dotted)

    def _module(self, dotted: str, directory: str | None) -> Module | None:
        if directory is None and dotted.partition(".")[0] in _FOREIGN_ROOTS:
            return None
        for root in self._roots if directory is None else (directory,):
            stem = posixpath.join(root, dotted.replace(".", "/"))
            candidates = [posixpath.join(stem, "__init__.py")]
            if dotted:
                candidates.append(f"{stem}.py")
            for path in candidates:
                if (module := self.open(path)) is not None:
                    return module
        return None


def _generic(base: ast.expr) -> ast.expr:
    """Return the class of a subscripted base: ``Base`` of ``Base[int]``."""
    return base.value if isinstance(base, ast.Subscript) else base


def canonical(name: str) -> str:
    """Return one spelling for a name that several modules export."""
    if name.startswith("cog."):
        return f"cog.{last(name)}"
    if name.startswith(("typing_extensions.", "collections.abc.")):
        return f"typing.{last(name)}"
    return name


def last(name: str) -> str:
    """Return the part of a dotted name after its last dot."""
    return name.rpartition(".")[2]
