"""What a project's requirements bring into a build, and what in them cannot work in one.

Lines pass to uv as they are, but for what only pip or Cog would take: those are written in uv's
form, at the same line. The SDK's own distributions (`cog`, `coglet`) are taken out, because the
image brings the SDK.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from cog_frontend.config import Located
from cog_frontend.errors import Problem, ProjectError, Span
from cog_frontend.plan import requirement_lines as lines
from cog_frontend.plan.requirement_lines import Line

Read = Callable[[str], "bytes | None"]

MAX_FILES = 64
# All files together: they are in the graph of a build, and a builder takes 16 MiB of graph.
MAX_BYTES = 8 << 20
OWN_PACKAGES = ("cog", "coglet")
# The file that holds the entries of `build.python_packages`; uv names it in its messages.
PACKAGES_FILE = "build.python_packages"
# Files that uv would read as something else than requirements.
_OTHER_FORMATS = (".toml", ".cfg", ".py", ".yml", ".yaml", ".lock", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementFile:
    """One file as the build will see it: its path in the project and its bytes."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """Everything a set of requirements needs: its files, the first one leading.

    ``artifacts`` are wheels and source archives of the project that lines name by path;
    ``options`` are arguments of uv that stand for options in the files; ``warnings`` tell what was
    taken out; ``needs_git``: a line names a repository; ``pins`` are the files (sha256) that
    lines with hashes allow, by package; ``constraints`` the files that ask for nothing;
    ``is_empty``: nothing is to be installed.
    """

    files: tuple[RequirementFile, ...]
    artifacts: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    needs_git: bool = False
    pins: tuple[tuple[str, tuple[str, ...]], ...] = ()
    constraints: frozenset[str] = frozenset()
    is_empty: bool = False


def from_packages(packages: Iterable[Located], filename: str, read: Read) -> Requirements:
    """Return the requirements of ``build.python_packages``, one entry a line.

    Raises ``ProjectError`` with every problem in them, at their place in ``filename``.
    """
    reader = _Reader(read)
    reader.entries(packages, filename)
    return reader.requirements()


def read_requirements(path: str, read: Read) -> Requirements:
    """Follow a requirements file and its includes through ``read(path in the project)``.

    Raises ``ProjectError`` with every problem in them; the first file must exist.
    """
    reader = _Reader(read)
    reader.first(posixpath.normpath(path))
    return reader.requirements()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line stands; ``folder`` is what its includes are relative to."""

    file: str
    span: Span
    folder: str = ""
    constraint: bool = False


@dataclass(frozen=True, slots=True)
class _Include:
    path: str
    place: _Place
    constraint: bool = False


class _Reader:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._files: dict[str, bytes] = {}
        self._waiting: list[_Include] = []
        self._artifacts: set[str] = set()
        self._options: dict[str, None] = {}
        self._warnings: list[Problem] = []
        self._needs_git = False
        self._pins: dict[str, tuple[str, ...]] = {}
        self._problems: list[Problem] = []
        self._constraints: set[str] = set()
        self._installs = False
        self._size = 0

    def first(self, path: str) -> None:
        """Read a requirements file and all it includes."""
        self._waiting.append(_Include(path, _Place(path, Span(1, 1))))
        self._follow()

    def entries(self, packages: Iterable[Located], filename: str) -> None:
        """Read entries of the config, each as one line, and all that they include."""
        kept: list[str] = []
        for package in packages:
            place = _Place(filename, package.span)
            found = list(lines.logical_lines(package.text))
            if len(found) > 1:
                self._problem(place, "several lines in one entry", "give each line its own entry")
            for line in found:
                kept += self._line(line, place)
        self._files[PACKAGES_FILE] = _encoded(kept)
        self._follow()

    def requirements(self) -> Requirements:
        """Return what was read, or raise everything that is wrong in it."""
        if self._problems:
            raise ProjectError(self._problems)
        return Requirements(
            files=tuple(RequirementFile(path=p, data=d) for p, d in self._files.items()),
            artifacts=tuple(sorted(self._artifacts)),
            options=tuple(self._options),
            warnings=tuple(self._warnings),
            needs_git=self._needs_git,
            constraints=frozenset(self._constraints),
            pins=tuple(sorted(self._pins.items())),
            is_empty=not self._installs,
        )

    def _follow(self) -> None:
        while self._waiting:
            include = self._waiting.pop(0)
            if include.path in self._files:
                continue
            if len(self._files) >= MAX_FILES:
                self._problem(include.place, f"more than {MAX_FILES} requirement files")
                return
            if include.path.endswith(_OTHER_FORMATS):
                hint = "name a file with one requirement a line, as `uv pip freeze` prints them"
                self._problem(include.place, f"{include.path} is not a requirements file", hint)
                continue
            data = self._read(include.path)
            if data is None:
                self._problem(include.place, f"{include.path}: file does not exist")
                continue
            self._size += len(data)
            if self._size > MAX_BYTES:
                message = f"with {include.path}, requirement files are more than {MAX_BYTES} bytes"
                self._problem(include.place, message, "name fewer packages")
                return
            self._file(include, data)

    def _file(self, include: _Include, data: bytes) -> None:
        """Keep a file as uv shall see it: every line stays at its number."""
        path = include.path
        if include.constraint:
            self._constraints.add(path)
        try:
            text = lines.decode(data)
        except UnicodeDecodeError as error:
            number = data.count(b"\n", 0, error.start) + 1
            place = _Place(path, Span(number, number))
            self._problem(place, "the file is not UTF-8", "save it as UTF-8")
            return
        written, appended = lines.physical_lines(text), []
        for line in lines.logical_lines(text):
            place = _Place(
                path, Span(line.start, line.end), posixpath.dirname(path), include.constraint
            )
            kept = self._line(line, place)
            if kept != [line.text]:
                height = line.end - line.start + 1
                written[line.start - 1 : line.end] = [*kept[:1], *[""] * (height - len(kept[:1]))]
                appended += kept[1:]
        self._files[path] = _encoded([*written, *appended])

    def _line(self, line: Line, place: _Place) -> list[str]:
        """Return the lines that stand for a line: mostly itself; more than one: an option split."""
        text = line.text
        if len(text) > lines.MAX_LINE:
            message = f"the line has {len(text)} characters, and {lines.MAX_LINE} are the most"
            self._problem(place, message, "write one requirement a line")
            return []
        if include := lines.included(text):
            return [self._include(include, text, place)]
        if (target := lines.editable(text)) is not None:
            return self._editable(target, place)
        if target := lines.find_links(text):
            self._find_links(target, place)
        elif options := lines.installer_options(text):
            self._options.update(dict.fromkeys(options))
            return []
        elif not text.startswith("-"):
            return list(self._requirement(text, place))
        elif option := lines.unknown_option(text):
            self._problem(place, f"{option} is no option of a requirements file", "remove the line")
        return [text]

    def _editable(self, target: str, place: _Place) -> list[str]:
        """A repository installs as a package; a folder is left out, as Cog does, but said."""
        if "://" in target and not target.startswith("file:"):
            message = f"-e {target} is installed as a package: an image has no editable code"
            self._warn(place, message, "remove -e")
            return list(self._requirement(target, place))
        hint = "the project's own modules are importable without it; name other code as a wheel"
        self._warn(place, f"-e {target} is left out: an image has no editable code", hint)
        return []

    def _include(self, include: tuple[str, bool], text: str, place: _Place) -> str:
        path, constraint = include
        if "://" in path and not path.startswith("file:"):
            self._installs = self._installs or not constraint
            return text  # uv fetches it during the build
        joined = posixpath.normpath(posixpath.join(place.folder, path))
        if joined.startswith(("/", "..")):
            self._problem(place, f"{path} is outside the project folder")
        else:
            within = constraint or place.constraint
            self._waiting.append(_Include(joined, place, within))
        # uv takes no path right behind the letter, as pip does.
        return text if text[2:3] in " \t=-r" else f"{text[:2]} {text[2:]}"

    def _requirement(self, text: str, place: _Place) -> Iterator[str]:
        if lines.package_name(text) in OWN_PACKAGES:
            name = lines.package_name(text)
            hint = "remove the line"
            self._warn(place, f"{name} is left out: the image brings its own SDK", hint)
            return
        if hashes := lines.pinned_hashes(text):
            self._pins[lines.package_name(text)] = hashes
        requirement, options = lines.split_options(text)
        for option in options:
            if target := lines.find_links(option):
                self._find_links(target, place)
        if target := lines.direct_target(requirement):
            self._direct(target, place)
        elif fault := lines.malformed(requirement):
            hint = "write it as name==1.2.3; python_version < '3.12' (PEP 508)"
            self._problem(place, f"{requirement} is no requirement: {fault}", hint)
        self._installs = self._installs or not place.constraint
        yield requirement
        yield from options

    def _direct(self, target: str, place: _Place) -> None:
        if target.startswith("git+"):
            self._needs_git = True
            self._check_repository(target, place)
        if target.startswith("file:"):
            self._problem(place, f"{target} is a place of this machine", "name it as ./FILE.whl")
        elif "://" in target or target.startswith("git+"):
            return
        elif not lines.is_archive(target):
            hint = "build a wheel of it and name that; the project itself needs no installing"
            self._problem(place, f"{target}: a folder cannot be installed from the project", hint)
        else:
            self._artifact(target, place)

    def _check_repository(self, target: str, place: _Place) -> None:
        """A password in an address is in the image, with the requirements and the lock."""
        address = urlsplit(target)
        if address.password or (address.username and address.scheme in {"git+http", "git+https"}):
            message = f"the image has the credentials for {address.hostname} that are in this line"
            hint = "remove them and pass a netrc file: --secret id=netrc,src=FILE"
            self._warn(place, message, hint)

    def _find_links(self, target: str, place: _Place) -> None:
        if "://" not in target or target.startswith("file:"):
            message = f"--find-links {target}: a folder is not searched for packages"
            self._problem(place, message, "name each wheel by its path, as ./wheels/FILE.whl")

    def _artifact(self, target: str, place: _Place) -> None:
        # pip and uv take a path in a requirement line relative to the working directory.
        joined = posixpath.normpath(target)
        if joined.startswith(("/", "..")):
            self._problem(place, f"{target} is outside the project folder")
        elif self._read(joined) is None:
            self._problem(place, f"{target}: file does not exist")
        else:
            self._artifacts.add(joined)

    def _problem(self, place: _Place, message: str, hint: str = "") -> None:
        self._problems.append(_at(place, message, hint))

    def _warn(self, place: _Place, message: str, hint: str) -> None:
        self._warnings.append(_at(place, message, hint))


def _at(place: _Place, message: str, hint: str = "") -> Problem:
    return Problem(file=place.file, span=place.span, message=message, hint=hint)


def _encoded(written: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in written).encode()
