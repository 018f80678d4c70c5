"""A handler as plain JSON values: its inputs, its output and what decorates it.

    {"file", "line", "name", "method", "kind": "class"|"function", "async", "streaming",
     "concurrency": int|null,
     "inputs": [{"name", "shape", "given": {argument of Input: value}, "required": bool}],
     "output": shape, "stream": null|"iterator"|"concatenate",
     "problems": [text]}

``given`` holds what was given and not None; ``required`` is true for a default of ``...``. Shapes
are those of `cog.describe.shapes`. ``file`` and ``line`` are where the method stands.
"""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cog
from cog._decorators import CONCURRENT_MAX, STREAMING, is_async
from cog.describe.shapes import Described, output, shape
from cog.describe.values import NotJson, to_json
from cog.worker.hints import hints, parameters
from cog.worker.load import find_target

_ARGUMENTS = (
    *("description", "ge", "le", "min_length", "max_length", "regex"),
    *("deprecated", "accept"),
)
_NO_BOUND = {"ge": -math.inf, "le": math.inf}


def describe(ref: str, root: Path, mode: str = "predict") -> Described:
    """Import a reference such as ``predict.py:Predictor`` and describe it.

    ``root`` is the project's folder, which must be on the import path. A class is not
    instantiated. Raises LoadError, or whatever the model's code raises.
    """
    target, method = find_target(ref, root, mode)
    run = getattr(target, method) if method else target
    assert callable(run)  # find_target says so otherwise
    problems: list[str] = []
    types = _types(run)
    taken = list(parameters(run).values())
    if method and not isinstance(inspect.getattr_static(target, method), staticmethod):
        taken = taken[1:] if not inspect.ismethod(run) else taken
    inner = inspect.unwrap(run)
    code = getattr(inner, "__code__", None)
    described: Described = {
        "file": _relative(code.co_filename, root) if code else ref.partition(":")[0],
        "line": code.co_firstlineno if code else 1,
        "name": getattr(target, "__name__", ref.partition(":")[2]),
        "method": method or getattr(run, "__name__", ""),
        "kind": "class" if method else "function",
        "async": is_async(run),
        "streaming": bool(getattr(run, STREAMING, False)),
        "concurrency": getattr(run, CONCURRENT_MAX, None),
        "inputs": [_input(one, types, problems) for one in taken if one.kind not in _RESTS],
        "problems": problems,
    }
    if "return" not in types:
        problems.append(f"{described['method']}() has no return type")
        return described | {"output": {"kind": "scalar", "type": "dict"}, "stream": None}
    what, stream = output(types["return"])
    return described | {"output": what, "stream": stream}


def _types(run: Callable[..., object]) -> dict[str, object]:
    """Return the types of the parameters and of what is returned, by name.

    A name that the module imports for type checkers only is looked up in `cog` and `typing`.
    """
    inner = inspect.unwrap(run)
    namespace = {**vars(typing), **vars(cog), **getattr(inner, "__globals__", {})}
    try:
        return typing.get_type_hints(inner, namespace, include_extras=True)
    except (NameError, TypeError, SyntaxError, AttributeError):
        return hints(inner)


_RESTS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _relative(file: str, root: Path) -> str:
    path = Path(file)
    return str(path.relative_to(root)) if path.is_relative_to(root) else file


def _input(
    parameter: inspect.Parameter, types: dict[str, object], problems: list[str]
) -> Described:
    about = f"input {parameter.name}"
    if parameter.name not in types:
        problems.append(f"{about}: it has no type annotation")
    if parameter.kind is parameter.POSITIONAL_ONLY:
        problems.append(f"{about}: it cannot be given by name")
    given: Described = {}

    def give(name: str, read: Callable[[], object]) -> None:
        try:
            given[name] = read()
        except NotJson as error:
            problems.append(f"{about}: {name} {error}")

    default = parameter.default
    if isinstance(default, cog.FieldInfo):
        _give_info(default, give)
        # None stands for "no default" there.
        default = parameter.empty if default.default is None else default.default
    elif type(default).__name__ == "FieldInfo":
        problems.append(f"{about}: pydantic.Field() does not describe an input")
        default = None
    if default is not parameter.empty and default is not ...:
        give("default", lambda: to_json(default))
    return {
        "name": parameter.name,
        "shape": shape(types.get(parameter.name, object)),
        "given": given,
        "required": default is ...,
    }


def _give_info(info: cog.FieldInfo, give: Callable[[str, Callable[[], object]], None]) -> None:
    for name in _ARGUMENTS:
        value = getattr(info, name)
        if value is not None and value != _NO_BOUND.get(name):
            give(name, partial(to_json, value))
    if info.choices is not None:
        give("choices", lambda: to_json(list(info.choices or ())))
