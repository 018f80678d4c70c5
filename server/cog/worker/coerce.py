"""Inputs as the handler's annotations ask for them.

JSON values pass as they are; files, secrets, enums and whole numbers become what they are annotated
as. Text is never taken for a URL where the annotation does not say it is a file.
"""

from __future__ import annotations

import copy
import enum
import inspect
import io
import pathlib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Union, cast
from urllib.error import URLError

import cog
from cog import wire
from cog._url import is_url
from cog.worker.failure import InputError
from cog.worker.fetch import Fetcher

_UNIONS = (Union, types.UnionType)
_SEQUENCES = (list, Sequence)
_SHOWN = 100

_PLAIN = (str, bool, float, object, Any)
"""Types whose values need nothing done, unless they hold others."""


class Inputs:
    """The parameters of a handler; `arguments` makes the call's keyword arguments."""

    def __init__(
        self, parameters: Mapping[str, inspect.Parameter], hints: Mapping[str, object]
    ) -> None:
        self._parameters = parameters
        self._hints = hints
        self._as_they_are = {name for name in parameters if hints.get(name, object) in _PLAIN}

    def __repr__(self) -> str:
        return f"<Inputs {', '.join(self._parameters)}>"

    @property
    def files(self) -> list[str]:
        """The names of the inputs that are files, or may be."""
        return [name for name in self._parameters if _holds_files(self._hints.get(name))]

    def fetches(self, values: Mapping[str, object]) -> bool:
        """Say whether `arguments` may have to wait for the network."""
        return any(value and _holds_files(self._hints.get(name)) for name, value in values.items())

    def arguments(self, values: Mapping[str, object], fetcher: Fetcher) -> dict[str, object]:
        """Return keyword arguments for input values as they came over the wire.

        A parameter without a value gets its default, or None if its type is Optional. Raises
        InputError naming the input; a missing or unknown one is left to the call itself, whose
        error says it as Python does.
        """
        arguments: dict[str, object] = {}
        for name, value in values.items():
            if name in self._as_they_are and not isinstance(value, dict | list):
                arguments[name] = value
                continue
            plain = wire.unescape(value, lambda file: cog.Path(file["__file__"]))
            hint = self._hints.get(name, object)
            arguments[name] = _coerced(name, plain, hint, fetcher.unpack)
        for name, parameter in self._parameters.items():
            hint = self._hints.get(name, object)
            if name not in arguments and _has_default(parameter, hint):
                value = _default(parameter, hint)
                if isinstance(value, str) and not is_url(value) and _is_file(hint):
                    # The author's own file, beside the code; only a client's must be a URL.
                    value = cog.Path(value)
                arguments[name] = _coerced(name, value, hint, fetcher.fetch)
        return arguments


def _has_default(parameter: inspect.Parameter, hint: object) -> bool:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return False
    return parameter.default is not parameter.empty or _is_nullable(hint)


def _default(parameter: inspect.Parameter, hint: object) -> object:
    default = parameter.default
    if default is parameter.empty:
        return None
    if not isinstance(default, cog.FieldInfo):
        return copy.deepcopy(default)
    if default.default is ... or (default.default is None and not _is_nullable(hint)):
        raise InputError(f"input {parameter.name!r} is required")
    return default.fresh_default()


def _coerced(
    name: str, value: object, hint: object, fetch: Callable[[str], pathlib.Path]
) -> object:
    try:
        return coerce(value, hint, fetch)
    except (OSError, ValueError) as error:
        # urllib wraps what went wrong on the network, and shows it in angle brackets.
        why = error.reason if type(error) is URLError else error
        raise InputError(f"input {name!r}: {why}") from error


def coerce(value: object, hint: object, fetch: Callable[[str], pathlib.Path]) -> object:
    """Return ``value`` as ``hint`` asks for it; ``fetch`` makes a local file of a URL.

    Raises ValueError for text in place of a file that is no URL, and whatever ``fetch`` raises.
    """
    if value is None:
        return None
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return coerce(value, arguments[0], fetch)
    if origin in _UNIONS:
        return coerce(value, _member(value, arguments), fetch)
    if origin in _SEQUENCES and isinstance(value, list):
        return [coerce(item, arguments[0], fetch) for item in value]
    if origin is None and isinstance(hint, type):
        return _as_type(value, hint, fetch)
    return value


def _as_type(value: object, hint: type, fetch: Callable[[str], pathlib.Path]) -> object:
    if issubclass(hint, pathlib.PurePath):
        return _local(value, fetch)
    if issubclass(hint, io.IOBase):
        return _local(value, fetch).open("rb")
    if issubclass(hint, cog.Secret) and isinstance(value, str):
        return cog.Secret(value)
    if issubclass(hint, enum.Enum) and not isinstance(value, hint):
        return _enum_member(value, hint)
    if hint is int and isinstance(value, float) and value.is_integer():
        # JSON Schema counts 3.0 as an integer.
        return int(value)
    return value


def _local(value: object, fetch: Callable[[str], pathlib.Path]) -> pathlib.Path:
    if isinstance(value, pathlib.Path):
        return value
    if is_url(value):
        return fetch(cast("str", value))
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    raise ValueError(f"expected an http(s) or data URL, got {shown}")


def _enum_member(value: object, hint: type[enum.Enum]) -> object:
    by_value = {member.value: member for member in hint if isinstance(member.value, str | int)}
    if isinstance(value, str | int) and value in by_value:
        return by_value[value]
    return hint.__members__.get(value, value) if isinstance(value, str) else value


def _member(value: object, members: tuple[Any, ...]) -> object:
    """Return the member of a union that a value is meant for."""
    others = [member for member in members if member is not type(None)]
    if len(others) == 1:
        return others[0]
    if isinstance(value, list):
        return next((each for each in others if typing.get_origin(each) in _SEQUENCES), object)
    is_text = isinstance(value, str) and str not in others
    if isinstance(value, pathlib.Path) or is_url(value) or is_text:
        return next((each for each in others if _is_file(each)), object)
    return object


def _is_nullable(hint: object) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _is_nullable(arguments[0])
    if origin in _UNIONS:
        return type(None) in arguments
    # A Secret without a default is nullable in the schema too.
    return hint in (object, Any, cog.Secret)


def _holds_files(hint: object) -> bool:
    return _is_file(hint) or any(map(_holds_files, typing.get_args(hint)))


def _is_file(hint: object) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated or origin in _UNIONS:
        return any(_is_file(argument) for argument in arguments)
    return (
        origin is None and isinstance(hint, type) and issubclass(hint, pathlib.PurePath | io.IOBase)
    )
