"""Starts the frontend in its image: modules and what they compile come from one file, the bundle.

    python start.pyc BUNDLE

A build starts a fresh process that lives for a fraction of a second, most of it imports. Four
things shorten that and change nothing else: modules are read from the bundle instead of being
looked up folder by folder (what it lacks is imported from disk as ever), the methods that
``dataclasses`` writes and the patterns of ``re`` are compiled when the image is made, and no
garbage is collected.

``bundle.py`` writes the file: 8 bytes with the length of the index (little endian), the index
(``marshal``: dicts of modules, ``Entry`` by name, of code, ``Place`` by source text, and of
patterns, ``Place`` by text and flags), and after it what they lead to (``marshal``: code objects,
and arguments of ``_sre.compile``), each read when it is needed. Without a bundle the program runs
the same, only later.
"""

# Whatever is imported up here is not from the bundle yet: modules that are built in or frozen.
import _sre  # type: ignore[import-not-found]
import gc
import marshal
import os
import sys
from importlib.machinery import ModuleSpec, SourcelessFileLoader

TYPE_CHECKING = False  # the one of typing is a dozen modules away
if TYPE_CHECKING:
    from collections.abc import Callable
    from re import Pattern
    from types import CodeType
    from typing import Any

# Offset and length of what is marshalled, counted from the end of the index.
Place = tuple[int, int]
# The text of a pattern and the flags given with it.
Key = tuple[str | bytes, int]
# The file of a module, whether it is a package, and its code.
Entry = tuple[str, bool, Place]

LENGTH_BYTES = 8


def main(bundle: str) -> None:
    """Run the frontend, which lies in the same folder, with modules from the file ``bundle``."""
    # Nothing that a build could free in time is worth the walks through all objects.
    gc.disable()
    Bundle(bundle).install()
    from cog_frontend.__main__ import main as build  # noqa: PLC0415 - from the bundle

    build()


class Bundle:
    """An open bundle: a finder of modules, and the compiler of ``dataclasses`` and ``re``.

    ``compile_pattern`` compiles what the bundle lacks, as ``re`` does without it.
    """

    compile_pattern: "Callable[[object, int], Pattern[Any]]"

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        length = int.from_bytes(os.pread(self._file, LENGTH_BYTES, 0), "little")
        index = marshal.loads(os.pread(self._file, length, LENGTH_BYTES))  # noqa: S302 - our own
        self._entries: dict[str, Entry] = index[0]
        self._texts: dict[str, Place] = index[1]
        self._patterns: dict[Key, Place] = index[2]
        self._start = LENGTH_BYTES + length

    def install(self) -> None:
        """Serve this process's imports, patterns and dataclasses from now on."""
        sys.meta_path.insert(0, self)
        from re import _compiler  # type: ignore[attr-defined]  # noqa: PLC0415 - from the bundle

        self.compile_pattern = _compiler.compile
        vars(_compiler)["compile"] = self.pattern
        import dataclasses  # noqa: PLC0415 - from the bundle

        vars(dataclasses)["exec"] = self.execute

    def find_spec(
        self, name: str, _path: object = None, _target: object = None
    ) -> ModuleSpec | None:
        """Return the spec that the module's file would give it; None: not in the bundle."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        file, is_package, place = entry
        spec = ModuleSpec(name, BundledLoader(name, file, self, place), origin=file)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [file.rpartition("/")[0]]
        return spec

    def code(self, place: Place) -> "CodeType":
        """Read one code object."""
        code: CodeType = marshal.loads(self._bytes(place))  # noqa: S302 - our own
        return code

    def _bytes(self, place: Place) -> bytes:
        offset, length = place
        return os.pread(self._file, length, self._start + offset)

    def pattern(self, pattern: object, flags: int = 0) -> "Pattern[Any]":
        """Stand in for ``compile`` within the module ``re._compiler``.

        A pattern is parsed and compiled in Python: up to ten milliseconds for one with large sets.
        One that the bundle knows is only handed to the engine.
        """
        place = self._patterns.get((pattern, int(flags)))  # type: ignore[arg-type]
        if place is None:
            return self.compile_pattern(pattern, flags)
        found: Pattern[Any] = _sre.compile(*marshal.loads(self._bytes(place)))  # noqa: S302 - our own
        return found

    def execute(self, text: str, variables: dict[str, object], names: dict[str, object]) -> None:
        """Stand in for ``exec`` within the module ``dataclasses``.

        For each class that module writes the text of the methods and executes it, which is mostly
        compiling: up to half a millisecond. A text that the bundle knows is compiled already; any
        other is compiled here, with the same outcome.
        """
        place = self._texts.get(text)
        code = self.code(place) if place else compile_text(text)
        exec(code, variables, names)  # noqa: S102 - what dataclasses itself would execute


class BundledLoader(SourcelessFileLoader):
    """Loads a module as if from its file; only the code comes from the bundle."""

    def __init__(self, name: str, file: str, bundle: Bundle, place: Place) -> None:
        super().__init__(name, file)
        self._bundle = bundle
        self._place = place

    def get_code(self, fullname: str) -> "CodeType":
        """Return the module's code."""
        return self._bundle.code(self._place)


def compile_text(text: str) -> "CodeType":
    """Compile what ``dataclasses`` executes as it would: with no ``__future__`` of a caller's."""
    return compile(text, "<string>", "exec", dont_inherit=True)


if __name__ == "__main__":
    main(sys.argv[1])
