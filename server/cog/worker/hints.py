"""What a callable says about its parameters, whatever way its annotations are written."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Mapping

import cog


def parameters(fn: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters by name, a method's ``self`` left out; annotations unevaluated."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format  # noqa: PLC0415 - new in 3.14

        # PEP 649: evaluating may fail on names that only type checkers import.
        return inspect.signature(fn, annotation_format=Format.FORWARDREF).parameters
    return inspect.signature(fn).parameters


def hints(fn: Callable[..., object]) -> dict[str, object]:
    """Return the types of the parameters by name; `object` where one cannot be resolved.

    A name that the module imports for type checkers only is looked up in `cog` and `typing`.
    """
    inner = inspect.unwrap(fn)
    try:
        return typing.get_type_hints(inner, include_extras=True)
    except (NameError, TypeError, SyntaxError, AttributeError):
        namespace = {**vars(typing), **vars(cog), **getattr(inner, "__globals__", {})}
        return {
            name: _resolve(parameter.annotation, namespace)
            for name, parameter in parameters(fn).items()
            if parameter.annotation is not parameter.empty
        }


def _resolve(annotation: object, namespace: dict[str, object]) -> object:
    text = getattr(annotation, "__forward_arg__", annotation)
    if not isinstance(text, str):
        return annotation
    try:
        found = eval(text, namespace)  # noqa: S307 - the author's own annotation, as typing would
        # Quoted although the module's annotations are text anyway.
        return _resolve(found, namespace) if isinstance(found, str) else found
    except Exception:  # an annotation is any expression; unresolved means unconverted
        return object
