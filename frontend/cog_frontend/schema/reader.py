"""From a reference in the config to the predictor it names: reads, never runs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from cog_frontend.errors import Problem, ProjectError
from cog_frontend.schema.annotations import Annotations
from cog_frontend.schema.constants import Constants
from cog_frontend.schema.handler import (
    Function,
    Handler,
    Handlers,
    Ref,
    is_method,
    parameters,
    parse_ref,
)
from cog_frontend.schema.inputs import Inputs, Parameter
from cog_frontend.schema.model import Kind, Mode, OutputType, Predictor, Scalar, Undetermined
from cog_frontend.schema.project import Project
from cog_frontend.schema.report import Report, in_order
from cog_frontend.schema.source import Refusal, Rejected


def read_predictor(
    ref: str, read: Callable[[str], bytes | None], *, mode: Mode = "predict"
) -> Predictor:
    """Return the predictor that ``ref`` (``file.py:Name``) names.

    ``read`` gives a file's content by its path relative to the project, None where there is none;
    it is asked only for files whose names are needed. Raises ``ProjectError`` with every problem,
    and ``Undetermined`` where nothing is wrong but only the running code knows the rest.
    """
    target = parse_ref(ref)
    report = Report()
    predictor, output_known = None, False
    try:
        predictor, output_known = _read(target, Project(read, _roots(target)), report, mode)
    except Refusal as refused:
        report.refused(refused, about="")
    except Rejected as rejected:
        report.problem(rejected.problem)
    except RecursionError as error:
        message = "the code is nested too deeply to be read"
        raise ProjectError([Problem(message=message, file=target.file)]) from error
    if report.problems:
        raise ProjectError(in_order([*report.problems, *report.unknown]))
    if report.unknown or predictor is None:
        raise Undetermined(in_order(report.unknown), predictor, output_known=output_known)
    return replace(predictor, warnings=tuple(report.warnings))


def _roots(ref: Ref) -> tuple[str, ...]:
    """Return where absolute imports are looked up: the project, then beside the file."""
    return ("", ref.directory) if ref.directory else ("",)


def _read(ref: Ref, project: Project, report: Report, mode: Mode) -> tuple[Predictor, bool]:
    """Return what could be read, and whether the output could."""
    module = project.open(ref.file)
    if module is None:
        hint = "the path is relative to the folder that holds cog.yaml; is it in .dockerignore?"
        raise Rejected(Problem(message=f"{ref.file} is not in the project", hint=hint))
    constants = Constants(project)
    handlers = Handlers(constants, report)
    handler = handlers.find(module, ref, mode)
    inputs = Inputs(constants, report).read(_parameters(handler, report), handler.scope)
    output = report.attempt(partial(_output, handler, Annotations(constants, report, whole=True)))
    decoration = handlers.decoration(handler)
    handlers.check_setup(handler)
    if output is not None:
        _warn_of_yield(handler, output, report)
    predictor = Predictor(
        file=ref.file,
        name=handler.name,
        method=handler.function.name,
        kind="function" if handler.owner is None else "class",
        mode=mode,
        is_async=isinstance(handler.function, ast.AsyncFunctionDef),
        streaming=decoration.streaming,
        concurrency_max=decoration.concurrency_max,
        inputs=inputs,
        output=output or OutputType(Scalar(Kind.OBJECT)),
    )
    return predictor, output is not None


def _parameters(handler: Handler, report: Report) -> Iterator[Parameter]:
    """Yield the parameters that take inputs and report those that cannot."""
    spec, source = handler.function.args, handler.scope.source
    name = handler.function.name
    skipped = [*spec.posonlyargs, *spec.args][:1] if is_method(handler) else []
    if is_method(handler) and (not skipped or (skipped[0].annotation and skipped[0].arg != "self")):
        node = skipped[0] if skipped else handler.function
        message = f"{name}() does not take the instance first"
        hint = f"write `def {name}(self, ...)`"
        report.refused(Refusal(source, node, message, hint=hint), about="")
    for node in spec.posonlyargs:
        if node not in skipped:
            message = f"input {node.arg}: it cannot be given by name"
            report.refused(Refusal(source, node, message, hint="remove the `/`"), about="")
    for star, rest in (("*", spec.vararg), ("**", spec.kwarg)):
        if rest is not None:
            message = f"{star}{rest.arg} never receives an input: only named parameters do"
            report.warning(Refusal(source, rest, message).problem)
    return parameters(handler.function, method=is_method(handler))


def _output(handler: Handler, annotations: Annotations) -> OutputType:
    function: Function = handler.function
    source = handler.scope.source
    if function.returns is None:
        message = f"{function.name}() has no return type"
        raise Refusal(source, function, message, hint="write what it returns: `-> str:`")
    return annotations.output(function.returns, handler.scope)


def _warn_of_yield(handler: Handler, output: OutputType, report: Report) -> None:
    function: Function = handler.function
    if output.stream is None and function.returns is not None and _yields(function):
        message = f"{function.name}() yields, but its return type is not an iterator"
        hint = f"write Iterator[{ast.unparse(function.returns)}]"
        refused = Refusal(handler.scope.source, function.returns, message, hint=hint)
        report.warning(refused.problem)


def _yields(function: Function) -> bool:
    """Whether the function itself is a generator; functions inside it do not count."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))
    return False
