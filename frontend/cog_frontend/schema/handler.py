"""The class or function that a reference names, its method and what decorates it."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cog_frontend.errors import Problem, ProjectError, near
from cog_frontend.schema.constants import Constants
from cog_frontend.schema.inputs import Parameter
from cog_frontend.schema.model import Mode
from cog_frontend.schema.names import Assigned, Defined, Module, Scope
from cog_frontend.schema.project import Definition, Foreign, Project, Value, canonical
from cog_frontend.schema.report import Report
from cog_frontend.schema.source import Refusal, Unknown

Function = ast.FunctionDef | ast.AsyncFunctionDef

METHODS: Mapping[Mode, tuple[str, ...]] = {
    "predict": ("run", "predict"),
    "train": ("train", "run", "predict"),
}
"""The method of a class that takes the inputs: the first of these that it has."""

DEFAULT_NAMES = ("Runner", "Predictor")
"""What a reference without a name means, in this order (upstream: crates/coglet-python)."""


class Ref(NamedTuple):
    """A reference such as ``pkg/run.py:Runner``; an empty name stands for the default names."""

    file: str
    name: str

    @property
    def directory(self) -> str:
        """Where the file lies, "" for the project's own folder."""
        return posixpath.dirname(self.file)


class Handler(NamedTuple):
    """The definition behind a reference; ``scope`` is where ``function`` stands."""

    name: str
    owner: Definition | None
    function: Function
    scope: Scope


class Decoration(NamedTuple):
    """What ``@streaming`` and ``@concurrent`` say; ``concurrency_max`` is None without one."""

    streaming: bool = False
    concurrency_max: int | None = None


def parse_ref(ref: str) -> Ref:
    """Split ``file.py:Name``; raise ``ProjectError`` for anything else."""
    file, colon, name = ref.partition(":")
    path = posixpath.normpath(file)
    hint = "write it as file.py:Name, relative to the project"
    if not colon or not file.endswith(".py") or ":" in name:
        raise ProjectError([Problem(message=f"{ref!r} names no class or function", hint=hint)])
    if path.startswith(("/", "../")) or "\\" in path or "\0" in path:
        raise ProjectError([Problem(message=f"{ref!r} leaves the project", hint=hint)])
    if name and not name.isidentifier():
        raise ProjectError([Problem(message=f"{name!r} in {ref!r} is not a name", hint=hint)])
    return Ref(path, name)


class Handlers:
    """Finds handlers in one project."""

    def __init__(self, constants: Constants, report: Report) -> None:
        self.constants = constants
        self.report = report

    @property
    def _project(self) -> Project:
        return self.constants.project

    def find(self, module: Module, ref: Ref, mode: Mode) -> Handler:
        """Return what a reference names; raise ``Refusal`` where it is no handler."""
        name = self._name(module, ref, mode)
        found = self._project.resolve(ast.Name(name, ast.Load()), Scope(module))
        if isinstance(found, Definition):
            if not isinstance(found.node, ast.ClassDef):
                return Handler(name, None, found.node, found.scope)
            return self._method(found, name, mode)
        if name not in module.names.bound:
            message = f"there is no {name} in {ref.file}"
            hint = near(name, module.names.bound) or _listed(module, mode)
            raise Refusal(module.source, None, message, hint=hint)
        node = _statement(module, name)
        message = f"{name} is not a class or function that can be read"
        literal = isinstance(found, Value) and isinstance(found.node, ast.Constant)
        refused = Refusal if literal else Unknown
        raise refused(module.source, node, message, hint="define it with `class` or `def`")

    def decoration(self, handler: Handler) -> Decoration:
        """Return what the handler's decorators say; what is wrong with them goes to the report."""
        streaming = False
        concurrency: int | None = None
        for decorator in handler.function.decorator_list:
            callee = decorator.func if isinstance(decorator, ast.Call) else decorator
            found = self._project.resolve(callee, handler.scope)
            name = canonical(found.name) if isinstance(found, Foreign) else ""
            streaming = streaming or name == "cog.streaming"
            if name == "cog.concurrent":
                concurrency = self._concurrency(decorator, handler)
        return Decoration(streaming, concurrency)

    def check_setup(self, handler: Handler) -> None:
        """Report a ``setup`` that asks for more than ``weights``: nobody would give it that."""
        setup = self._own_method(handler.owner, "setup") if handler.owner else None
        if setup is None:
            return
        function, scope = setup
        for parameter in parameters(function, method=not _is_static(function)):
            if parameter.default is None and parameter.node.arg != "weights":
                message = f"setup() is called with weights at most, not with {parameter.node.arg}"
                hint = "give it a default, or read it from the environment"
                refused = Refusal(scope.source, parameter.node, message, hint=hint)
                self.report.refused(refused, about="")

    def _name(self, module: Module, ref: Ref, mode: Mode) -> str:
        if ref.name:
            return ref.name
        for name in DEFAULT_NAMES:
            if name in module.names.bound:
                return name
        message = f"there is no {' or '.join(DEFAULT_NAMES)} in {ref.file}"
        hint = f"name the class: {ref.file}:Name{_listed(module, mode, prefix='; ')}"
        raise Refusal(module.source, None, message, hint=hint)

    def _method(self, owner: Definition, name: str, mode: Mode) -> Handler:
        found = {
            method: place
            for method in METHODS[mode]
            if (place := self._own_method(owner, method)) is not None
        }
        if not found:
            raise self._no_method(owner, mode)
        function, scope = next(iter(found.values()))
        if mode == "predict" and len(found) > 1:
            other, where = found["predict"]
            message = f"{name} has both run() and predict()"
            refused = Refusal(where.source, other, message, hint="keep run()")
            self.report.refused(refused, about="")
        return Handler(name, owner, function, scope)

    def _own_method(self, owner: Definition, name: str) -> tuple[Function, Scope] | None:
        """Return a method that the class or a base in the project defines."""
        for base in self._project.lineage(owner):
            if isinstance(base, Foreign):
                continue
            scope = self._project.class_scope(base)
            binding = scope.layers[0].get(name)
            if isinstance(binding, Defined) and not isinstance(binding.node, ast.ClassDef):
                return binding.node, scope
            if isinstance(binding, Assigned):
                found = self._project.resolve(binding.node, scope)
                if isinstance(found, Definition) and not isinstance(found.node, ast.ClassDef):
                    return found.node, found.scope
        return None

    def _no_method(self, owner: Definition, mode: Mode) -> Refusal:
        foreign = [
            base.name
            for base in self._project.lineage(owner)
            if isinstance(base, Foreign) and not base.name.startswith(("cog.", "builtins.", "abc."))
        ]
        wanted = "() or ".join(METHODS[mode])
        message = f"class {owner.node.name} has no method {wanted}()"
        hint = near(METHODS[mode][0], _methods(owner)) or near(METHODS[mode][-1], _methods(owner))
        if foreign:
            hint = f"what it inherits from {foreign[0]} is outside the project: define it here"
            return Unknown(owner.scope.source, owner.node, message, hint=hint)
        return Refusal(owner.scope.source, owner.node, message, hint=hint)

    def _concurrency(self, decorator: ast.expr, handler: Handler) -> int:
        """Return ``max`` of ``@concurrent``, 1 without it."""
        if not isinstance(decorator, ast.Call):
            return 1
        maximum = 1
        for keyword in decorator.keywords:
            if keyword.arg == "max":
                maximum = self._maximum(keyword.value, handler)
            else:
                message = f"concurrent() has no argument {keyword.arg or '**'!r}"
                self._refuse(keyword.value, handler, message, hint="write concurrent(max=...)")
        if decorator.args:
            message = "concurrent() takes its number by name"
            self._refuse(decorator.args[0], handler, message, hint="write concurrent(max=...)")
        return maximum

    def _maximum(self, node: ast.expr, handler: Handler) -> int:
        known = self.report.count
        value = self.report.attempt(lambda: self.constants.json(node, handler.scope))
        if self.report.count > known:
            return 1
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            self._refuse(node, handler, f"max must be a whole number from 1, not {value!r}")
            return 1
        if value > 1 and not isinstance(handler.function, ast.AsyncFunctionDef):
            message = f"concurrent(max={value}) needs an async handler"
            self._refuse(node, handler, message, hint=f"write `async def {handler.function.name}`")
        return value

    def _refuse(self, node: ast.expr, handler: Handler, message: str, *, hint: str = "") -> None:
        refused = Refusal(handler.scope.source, node, message, hint=hint)
        self.report.refused(refused, about="")


def parameters(function: Function, *, method: bool) -> Iterator[Parameter]:
    """Yield the parameters that take inputs, without ``self``; ``*`` and ``**`` take none."""
    spec = function.args
    positional = [*spec.posonlyargs, *spec.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(spec.defaults))
    named = zip(positional, [*missing, *spec.defaults], strict=True)
    for index, (node, default) in enumerate(named):
        if index or not method:
            yield Parameter(node, default)
    for node, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        yield Parameter(node, default)


def is_method(handler: Handler) -> bool:
    """Whether the function's first parameter is the instance or the class."""
    return handler.owner is not None and not _is_static(handler.function)


def _is_static(function: Function) -> bool:
    return any(
        isinstance(decorator, ast.Name) and decorator.id == "staticmethod"
        for decorator in function.decorator_list
    )


def _methods(owner: Definition) -> list[str]:
    return [
        line.name
        for line in owner.node.body
        if isinstance(line, ast.FunctionDef | ast.AsyncFunctionDef)
        and not line.name.startswith("_")
    ]


def _listed(module: Module, mode: Mode, *, prefix: str = "") -> str:
    """Name the classes of a file that could be meant."""
    names = [
        name
        for name, binding in module.names.bound.items()
        if isinstance(binding, Defined)
        and isinstance(binding.node, ast.ClassDef)
        and set(METHODS[mode]) & set(_methods(Definition(binding.node, Scope(module))))
    ]
    return f"{prefix}did you mean {' or '.join(repr(name) for name in names)}?" if names else ""


def _statement(module: Module, name: str) -> ast.AST | None:
    """Return the first statement that binds the name, for its position."""
    for statement in ast.walk(module.source.tree):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            bound = {alias.asname or alias.name for alias in statement.names}
        elif isinstance(statement, ast.Assign):
            bound = {part.id for part in statement.targets if isinstance(part, ast.Name)}
        else:
            continue
        if name in bound:
            return statement
    return None
