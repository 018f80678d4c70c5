"""Writes the frontend image's bundle, the file that ``start.py`` reads modules from.

    python bundle.pyc write|check BUNDLE PACKAGE...

Runs inside the finished root filesystem, with the image's own interpreter: what is bundled is
what a build there would import, and no path has to be translated. ``write`` imports every module
of the packages and bundles these and all they need. ``check`` imports them again, through the
bundle, and fails where that changes nothing: a Python whose ``dataclasses`` works otherwise shall
fail here and not make every build slower.
"""

from __future__ import annotations

import dataclasses
import importlib
import marshal
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import SourcelessFileLoader
from pathlib import Path
from types import CodeType, ModuleType

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


def main(command: str, bundle: str, *packages: str) -> None:
    """Run one of the two commands; ends in ``SystemExit`` where the bundle is of no use."""
    if command == "write":
        Path(bundle).write_bytes(pack(*collect(packages)))
    else:
        check(bundle, packages)


def collect(packages: Iterable[str]) -> tuple[list[Module], dict[str, CodeType]]:
    """Import the packages whole; return the modules, and the code of dataclasses by its text."""
    texts: dict[str, CodeType] = {}

    def record(text: str, variables: dict[str, object], names: dict[str, object]) -> None:
        texts[text] = start.compile_text(text)
        exec(texts[text], variables, names)  # noqa: S102 - what dataclasses itself would execute

    vars(dataclasses)["exec"] = record
    import_whole(packages)
    if not texts:
        raise SystemExit("dataclasses executes no text any more: start.py has to be adapted")
    loaders = bytecode_loaders()
    return [read_module(name, loader) for name, loader in loaders.items()], texts


def pack(modules: Iterable[Module], texts: Mapping[str, CodeType]) -> bytes:
    """Return the bundle, in the form that ``start.py`` describes."""
    body = bytearray()

    def place(code: bytes) -> start.Place:
        body.extend(code)
        return len(body) - len(code), len(code)

    module_index = {
        module.name: (module.file, module.is_package, place(module.code))
        for module in sorted(modules, key=lambda module: module.name)
    }
    text_index = {text: place(marshal.dumps(code)) for text, code in sorted(texts.items())}
    index = marshal.dumps((module_index, text_index))
    return len(index).to_bytes(start.LENGTH_BYTES, "little") + index + bytes(body)


def check(bundle: str, packages: Iterable[str]) -> None:
    """Import the packages through the bundle; fail if anything of them came from elsewhere."""

    def refuse(text: str) -> CodeType:
        raise SystemExit(f"dataclasses executes a text that the bundle lacks:\n{text}")

    before = set(sys.modules)
    vars(start)["compile_text"] = refuse
    start.Bundle(bundle).install()
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
