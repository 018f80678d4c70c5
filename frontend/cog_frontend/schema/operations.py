"""Operators and functions on constants, bounded in size: pure, no syntax tree.

Each raises ``ValueError``, ``TypeError``, ``ArithmeticError`` or ``LookupError`` when Python would,
and ``ValueError`` when the result would be larger than the limits here.
"""

from __future__ import annotations

import ast
import inspect
import math
import operator
import sys
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

MAX_TEXT = 64 * 1024
MAX_ITEMS = 10_000
MAX_BITS = 4096
MAX_DIGITS = 400


def _bits(value: object) -> int:
    return value.bit_length() if isinstance(value, int) else 64


def _add(left: object, right: object) -> object:
    if _length(left) + _length(right) > MAX_ITEMS and not isinstance(left, str):
        raise ValueError("the result is too long")
    return _checked(operator.add(left, right))


def _multiply(left: object, right: object) -> object:
    for sequence, count in ((left, right), (right, left)):
        if (size := _length(sequence)) and isinstance(count, int) and size * count > MAX_ITEMS:
            raise ValueError("the result is too long")
    if _bits(left) + _bits(right) > MAX_BITS:
        raise ValueError("the result is too large")
    return _checked(operator.mul(left, right))


def _power(left: object, right: object) -> object:
    if isinstance(left, int) and isinstance(right, int) and _bits(left) * abs(right) > MAX_BITS:
        raise ValueError("the result is too large")
    result = operator.pow(left, right)
    if isinstance(result, complex):
        raise TypeError("the result is a complex number")
    return result


def _shift(left: object, right: object) -> object:
    if not isinstance(right, int) or right > MAX_BITS:
        raise ValueError("the result is too large")
    return _checked(operator.lshift(left, right))


def _remainder(left: object, right: object) -> object:
    if isinstance(left, str | bytes):
        raise TypeError("text formatting with % is not followed")
    return operator.mod(left, right)


def _length(value: object) -> int:
    return len(value) if isinstance(value, str | bytes | list | tuple | dict) else 0


def _checked(value: object) -> object:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise ValueError("the text is too long")
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise ValueError("the result is too large")
    return value


BINARY: Mapping[type[ast.operator], Callable[..., object]] = {
    ast.Add: _add,
    ast.Sub: operator.sub,
    ast.Mult: _multiply,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _remainder,
    ast.Pow: _power,
    ast.LShift: _shift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}
UNARY: Mapping[type[ast.unaryop], Callable[..., object]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
COMPARE: Mapping[type[ast.cmpop], Callable[..., object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: operator.contains(right, left),
    ast.NotIn: lambda left, right: not operator.contains(right, left),
}


def items(value: object) -> list[object]:
    """Return what iterating over ``value`` gives, at most 10,000 items."""
    if not isinstance(value, str | list | tuple | dict | range):
        raise TypeError(f"{type(value).__name__} cannot be iterated over")
    if len(value) > MAX_ITEMS:
        raise ValueError("the result is too long")
    return list(value)


def unique(values: object) -> tuple[object, ...]:
    """Return the values in their order, each once; stands for a set, which has no order."""
    return tuple({(type(value), value): value for value in items(values)}.values())


def text(value: object) -> str:
    """Return ``str(value)`` of a plain value."""
    if not isinstance(value, str | int | float | None):
        raise TypeError(f"text of a {type(value).__name__} is not followed")
    return str(value)


def _range(*bounds: object) -> object:
    numbers = [bound for bound in bounds if isinstance(bound, int)]
    if len(numbers) != len(bounds):
        raise TypeError("range() takes integers only")
    return items(range(*numbers))


def _sum(values: object) -> object:
    total: int | float = 0
    for value in items(values):
        if not isinstance(value, int | float):
            raise TypeError("sum() is followed for numbers only")
        total += value
    return total


def _number(kind: type[int | float]) -> Callable[..., object]:
    def convert(value: object = 0) -> object:
        if not isinstance(value, str | int | float) or _length(value) > MAX_DIGITS:
            raise TypeError(f"{kind.__name__}() is followed for text and numbers only")
        return kind(value)

    return convert


def _extreme(pick: Callable[..., object]) -> Callable[..., object]:
    def choose(*values: object) -> object:
        return pick(items(values[0]) if len(values) == 1 else items(values))

    return choose


def _sorted(values: object, *, reverse: object = False) -> object:
    ordered: list[Any] = items(values)  # Any: values that do not compare raise TypeError
    return sorted(ordered, reverse=bool(reverse))


def _dict(values: object = (), **more: object) -> object:
    built: dict[object, object] = {}
    if isinstance(values, dict):
        built.update(values)
        values = ()
    for pair in items(values):
        key, value = items(pair)
        built[key] = value
    built.update(more)
    return built


FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "builtins.list": lambda values=(): items(values),
    "builtins.tuple": lambda values=(): tuple(items(values)),
    "builtins.set": lambda values=(): unique(values),
    "builtins.frozenset": lambda values=(): unique(values),
    "builtins.sorted": _sorted,
    "builtins.reversed": lambda values: items(values)[::-1],
    "builtins.range": _range,
    "builtins.dict": _dict,
    "builtins.len": lambda value: len(items(value)),
    "builtins.str": lambda value="": text(value),
    "builtins.int": _number(int),
    "builtins.float": _number(float),
    "builtins.bool": lambda value=False: bool(value),
    "builtins.abs": abs,
    "builtins.round": round,
    "builtins.sum": _sum,
    "builtins.min": _extreme(min),
    "builtins.max": _extreme(max),
    "inspect.cleandoc": lambda value: inspect.cleandoc(text(value)),
    "textwrap.dedent": lambda value: textwrap.dedent(text(value)),
    "pathlib.Path": text,
    "cog.Path": text,
}
CONSTANTS: Mapping[str, object] = {
    "math.pi": math.pi,
    "math.e": math.e,
    "math.tau": math.tau,
    "math.inf": math.inf,
    "sys.maxsize": sys.maxsize,
}


def _join(separator: str, values: object) -> object:
    texts = [part for part in items(values) if isinstance(part, str)]
    if len(texts) != len(items(values)):
        raise TypeError("join() takes text only")
    if sum(map(len, texts)) + len(separator) * len(texts) > MAX_TEXT:
        raise ValueError("the text is too long")
    return separator.join(texts)


METHODS: Mapping[tuple[type, str], Callable[..., object]] = {
    (dict, "keys"): list,
    (dict, "values"): lambda value: list(value.values()),
    (dict, "items"): lambda value: list(value.items()),
    (str, "join"): _join,
    (str, "strip"): str.strip,
    (str, "lstrip"): str.lstrip,
    (str, "rstrip"): str.rstrip,
    (str, "lower"): str.lower,
    (str, "upper"): str.upper,
    (str, "title"): str.title,
    (str, "capitalize"): str.capitalize,
    (str, "split"): str.split,
}
