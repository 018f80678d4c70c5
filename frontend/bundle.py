"""Writes the frontend image's bundle, the file that ``start.py`` reads modules from.

    python bundle.pyc write|check BUNDLE PACKAGE...

Runs inside the finished root filesystem, with the image's own interpreter: what is bundled is
what a build there would import, and no path has to be translated. ``write`` imports every module
of the packages and bundles these and all they need. ``check`` imports them again, through the
bundle, and fails where that changes nothing: a Python whose ``dataclasses`` or ``re`` works
otherwise shall fail here and not make every build slower.
"""

from __future__ import annotations

import dataclasses
import importlib
import marshal
import pkgutil
import re
import sys
from collections.abc import Iterable
from importlib.machinery import SourcelessFileLoader
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

import start

# Magic number, flags, and a time or a hash, before the marshalled code: PEP 552.
PYC_HEADER_BYTES = 16


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module that was imported: its file, and its code as that file holds it."""

    name: str
    file: str
    is_package: bool
    code: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Compiled:
    """What importing compiles: code of dataclasses by its text, patterns by text and flags.

    Of a pattern it is the arguments of ``_sre.compile``.
    """

    texts: dict[str, CodeType] = dataclasses.field(default_factory=dict)
    patterns: dict[start.Key, tuple[Any, ...]] = dataclasses.field(default_factory=dict)


def main(command: str, bundle: str, *packages: str) -> None:
    """Run one of the two commands; ends in ``SystemExit`` where the bundle is of no use."""
    if command == "write":
        Path(bundle).write_bytes(pack(*collect(packages)))
    else:
        check(bundle, packages)


def collect(packages: Iterable[str]) -> tuple[list[Module], Compiled]:
    """Import the packages whole; return the modules, and what was compiled for them."""
    compiled = Compiled()
    record_texts(compiled.texts)
    record_patterns(compiled.patterns)
    import_whole(packages)
    if not compiled.texts:
        raise SystemExit("dataclasses executes no text any more: start.py has to be adapted")
    if not compiled.patterns:
        raise SystemExit("re compiles no pattern any more: start.py has to be adapted")
    loaders = bytecode_loaders()
    return [read_module(name, loader) for name, loader in loaders.items()], compiled


def record_texts(texts: dict[str, CodeType]) -> None:
    """Keep the code of what ``dataclasses`` executes from now on."""

    def record(text: str, variables: dict[str, object], names: dict[str, object]) -> None:
        texts[text] = start.compile_text(text)
        exec(texts[text], variables, names)  # noqa: S102 - what dataclasses itself would execute

    vars(dataclasses)["exec"] = record


def record_patterns(patterns: dict[start.Key, tuple[Any, ...]]) -> None:
    """Keep what ``re`` hands to its engine from now on, and for what is in its cache already."""
    compiler = vars(re)["_compiler"]
    in_full, engine = compiler.compile, compiler._sre
    given: list[tuple[Any, ...]] = []

    def hand_over(*arguments: Any) -> re.Pattern[Any]:  # noqa: ANN401 - of the engine, as they are
        text, flags, code, *groups = arguments
        # Plain integers: re's named ones cannot be marshalled.
        given.append((text, int(flags), [int(word) for word in code], *groups))
        found: re.Pattern[Any] = engine.compile(*arguments)
        return found

    def record(pattern: object, flags: int = 0) -> re.Pattern[Any]:
        found: re.Pattern[Any] = in_full(pattern, flags)
        if isinstance(pattern, str | bytes):  # else it was made of parsed ones, by re.Scanner
            patterns[pattern, int(flags)] = given[-1]
        return found

    vars(compiler)["_sre"] = SimpleNamespace(**{**vars(engine), "compile": hand_over})
    vars(compiler)["compile"] = record
    for _, pattern, flags in list(vars(re)["_cache"]):
        record(pattern, flags)


def pack(modules: Iterable[Module], compiled: Compiled) -> bytes:
    """Return the bundle, in the form that ``start.py`` describes."""
    body = bytearray()

    def place(code: bytes) -> start.Place:
        body.extend(code)
        return len(body) - len(code), len(code)

    module_index = {
        module.name: (module.file, module.is_package, place(module.code))
        for module in sorted(modules, key=lambda module: module.name)
    }
    text_index = {text: place(marshal.dumps(code)) for text, code in sorted(compiled.texts.items())}
    pattern_index = {
        key: place(marshal.dumps(arguments))
        for key, arguments in sorted(compiled.patterns.items(), key=repr)
    }
    index = marshal.dumps((module_index, text_index, pattern_index))
    return len(index).to_bytes(start.LENGTH_BYTES, "little") + index + bytes(body)


def check(bundle: str, packages: Iterable[str]) -> None:
    """Import the packages through the bundle; fail if anything of them came from elsewhere."""

    def refuse(text: str) -> CodeType:
        raise SystemExit(f"dataclasses executes a text that the bundle lacks:\n{text}")

    def refuse_pattern(pattern: object, _flags: int) -> re.Pattern[Any]:
        raise SystemExit(f"re compiles a pattern that the bundle lacks: {pattern!r}")

    before = set(sys.modules)
    vars(start)["compile_text"] = refuse
    served = start.Bundle(bundle)
    served.install()
    served.compile_pattern = refuse_pattern
    import_whole(packages)
    if late := bytecode_loaders().keys() - before:
        raise SystemExit(f"not from the bundle: {', '.join(sorted(late))}")


def import_whole(packages: Iterable[str]) -> None:
    """Import packages with all of their modules; an import that fails is an error."""
    for package in packages:
        folders = importlib.import_module(package).__path__
        for found in pkgutil.walk_packages(folders, f"{package}."):
            importlib.import_module(found.name)


def bytecode_loaders() -> dict[str, SourcelessFileLoader]:
    """The loaders of the modules that were imported from bytecode files, by name."""
    found = {name: loader_of(module) for name, module in sys.modules.items()}
    return {
        name: loader
        for name, loader in found.items()
        # A BundledLoader is one too, but has read no file.
        if type(loader) is SourcelessFileLoader and name != "__main__"
    }


def loader_of(module: ModuleType) -> object:
    """The loader of a module; None for modules that extensions made up."""
    return getattr(getattr(module, "__spec__", None), "loader", None)


def read_module(name: str, loader: SourcelessFileLoader) -> Module:
    """Read a module's file."""
    file = loader.get_filename(name)
    return Module(
        name=name,
        file=file,
        is_package=loader.is_package(name),
        code=loader.get_data(file)[PYC_HEADER_BYTES:],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
