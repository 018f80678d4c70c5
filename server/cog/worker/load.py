"""From a reference such as ``predict.py:Predictor`` to the handler it names."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import cog
from cog._decorators import CONCURRENT_MAX, STREAMING, is_async
from cog.worker.coerce import Inputs
from cog.worker.failure import LoadError
from cog.worker.hints import hints, parameters

DEFAULT_NAMES = ("Runner", "Predictor")
"""What a reference without a name means, in this order, as in Cog."""

METHODS = {"predict": ("run", "predict"), "train": ("train", "run", "predict")}
"""The method that answers a request, by the mode of the server."""

_FRAMEWORK = (cog.BaseRunner, cog.BasePredictor, object)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """What the worker calls: bound callables and what they are.

    ``setup`` and ``healthcheck`` are None where the model has none; ``concurrent_max`` is what
    `cog.concurrent` says, None without it.
    """

    run: Callable[..., Any]
    inputs: Inputs
    setup: Callable[..., Any] | None = None
    healthcheck: Callable[[], Any] | None = None
    is_async: bool = False
    streaming: bool = False
    concurrent_max: int | None = None


def load(ref: str, root: Path, mode: str = "predict") -> Handler:
    """Import the file of a reference and make its handler; a class is instantiated.

    ``root`` is the project's folder, which must be on the import path. Raises LoadError, or
    whatever the model's code raises.
    """
    return handler_of(_target(ref, root), _shown(ref), mode)


def find_target(ref: str, root: Path, mode: str = "predict") -> tuple[object, str]:
    """Import the file of a reference; return what it names and, of a class, the handler's method.

    Nothing is instantiated or called. Raises as `load` does.
    """
    target = _target(ref, root)
    if isinstance(target, type):
        return target, _method_name(target, _shown(ref), mode)
    if not callable(target):
        raise LoadError(_not_callable(target, _shown(ref)))
    return target, ""


def _target(ref: str, root: Path) -> object:
    file, _, name = ref.partition(":")
    path = root / file
    if not file.endswith(".py") or not path.is_file():
        raise LoadError(f"{ref}: there is no file {file!r} in {root} ('file.py:Name' is expected)")
    return _find(import_file(path, root), file, name)


def _shown(ref: str) -> str:
    """How errors call what a reference names."""
    return ref.removesuffix(":")


def _not_callable(target: object, ref: str) -> str:
    return f"{ref} is neither a class nor a function but {type(target).__name__}"


def import_file(path: Path, root: Path) -> ModuleType:
    """Import a file under the name that the project's own code would import it by.

    Where that name belongs to another module (the project has a ``queue.py``, say, and Python's is
    loaded already) or is none, the file is loaded beside it under a name of its own.
    """
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts)
    if all(part.isidentifier() for part in parts) and _origin(name) == str(path):
        return importlib.import_module(name)
    return _import_beside(path, f"cog_project_{'_'.join(parts)}")


def _origin(name: str) -> str | None:
    """Return the file that importing ``name`` would run or has run; imports parent packages."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None)
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            # A parent's name belongs to a module that is no package.
            return None
        raise
    return spec.origin if spec else None


def _import_beside(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LoadError(f"{path} cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _find(module: ModuleType, file: str, name: str) -> object:
    for candidate in (name,) if name else DEFAULT_NAMES:
        if hasattr(module, candidate):
            return cast("object", getattr(module, candidate))
    own = [
        key
        for key, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__
    ]
    if not name:
        wanted = " or ".join(DEFAULT_NAMES)
        raise LoadError(f"{file} has no {wanted}; write {file}:Name ({_listed(own)})")
    close = difflib.get_close_matches(name, own, n=1)
    hint = f"did you mean {close[0]!r}?" if close else _listed(own)
    raise LoadError(f"{file} has no {name!r} ({hint})")


def _listed(names: list[str]) -> str:
    return f"it defines {', '.join(names)}" if names else "it defines no class or function"


def handler_of(target: object, ref: str, mode: str = "predict") -> Handler:
    """Make the handler of a class or function; ``ref`` is how errors call it."""
    if isinstance(target, type):
        method = _method_name(target, ref, mode)
        instance = target()
        return _handler(
            getattr(instance, method),
            setup=_own(instance, "setup"),
            healthcheck=_own(instance, "healthcheck"),
        )
    if not callable(target):
        raise LoadError(_not_callable(target, ref))
    # Of an instance with __call__, the method says more than the instance.
    is_instance = inspect.isfunction(type(target).__call__)
    return _handler(target.__call__ if is_instance else target)


def _handler(
    run: Callable[..., Any],
    setup: Callable[..., Any] | None = None,
    healthcheck: Callable[[], Any] | None = None,
) -> Handler:
    return Handler(
        run=run,
        inputs=Inputs(parameters(run), hints(run)),
        setup=setup,
        healthcheck=healthcheck,
        is_async=is_async(run),
        streaming=bool(getattr(run, STREAMING, False)),
        concurrent_max=getattr(run, CONCURRENT_MAX, None),
    )


def _method_name(cls: type, ref: str, mode: str) -> str:
    methods = METHODS[mode]
    found = [name for name in methods if _is_own(cls, name)]
    if mode == "predict" and len(found) > 1:
        raise LoadError(f"{ref} defines both {' and '.join(found)}; keep run")
    if not found:
        have = [name for name in dir(cls) if not name.startswith("_") and _is_own(cls, name)]
        listed = f"its methods are {', '.join(have)}" if have else "it has no methods"
        raise LoadError(f"{ref} defines no method {' or '.join(methods)} ({listed})")
    return found[0]


def _is_own(cls: type, name: str) -> bool:
    return any(name in vars(base) for base in cls.__mro__ if base not in _FRAMEWORK)


def _own(instance: object, name: str) -> Callable[..., Any] | None:
    if not _is_own(type(instance), name):
        return None
    return cast("Callable[..., Any]", getattr(instance, name))


def setup_arguments(setup: Callable[..., Any], weights: str | None) -> dict[str, object]:
    """Return the keyword arguments for a model's ``setup``.

    ``weights`` is the text of COG_WEIGHTS; it is passed where ``setup`` has a parameter of that
    name, as a `cog.Path` where that is annotated as one and the text is no URL.
    """
    if "weights" not in inspect.signature(setup).parameters:
        return {}
    hint = hints(setup).get("weights", object)
    if weights and "Path" in str(hint) and "://" not in weights:
        return {"weights": cog.Path(weights)}
    return {"weights": weights}
