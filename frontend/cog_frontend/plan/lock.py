"""A lock file (PEP 751, pylock.toml) as the packages that one image gets from it.

Specification: packaging.python.org/specifications/pylock-toml.
"""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from cog_frontend.errors import Problem, ProjectError
from cog_frontend.plan.requirement_lines import normalised
from cog_frontend.plan.wheel import Target, fits

HEADER = 'lock-version = "1.0"\ncreated-by = "cogkit"\n'
_SUPPORTED = "1."
_AGAIN = "make it again with `cog lock`"
# What says where a package comes from, and so what it is; the rest of an entry is for people.
_SOURCES = ("vcs", "directory", "archive", "sdist", "wheels")
# What a wheel for one machine is taken to weigh where nobody says.
_UNKNOWN = 8 << 20
_OF_A_FILE = ("name", "url", "path", "size", "hashes", "subdirectory")

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_JSON = json.JSONEncoder(ensure_ascii=False)

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package of a lock file.

    ``kind`` is the key of its sources in a lock file and ``sources`` what it holds, each in TOML
    and with nothing in it that does not decide what is installed. ``size`` is that of its largest
    wheel that fits, in bytes, or a guess. ``is_source``: it has to be built. ``files`` are the
    files of the project that it comes from, ``urls`` the others.
    """

    name: str
    version: str
    kind: str
    sources: tuple[str, ...]
    size: int = 0
    is_source: bool = False
    files: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The packages of one image, by name; ``data`` is the lock file they are from."""

    packages: tuple[Package, ...]
    data: bytes


def read_lock(
    data: bytes, target: Target, *, file: str, pins: Mapping[str, Sequence[str]] | None = None
) -> Lock:
    """Return what a lock file says for ``target``; ``file`` is its path in the project.

    ``pins`` are the only files (sha256) that a package may come from, by its name.
    Raises ``ProjectError`` with everything that is wrong in it.
    """
    document = _document(data, file)
    reader = _Reader(target, file, pins or {})
    try:
        found = [reader.package(entry) for entry in document.get("packages", ())]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise _malformed(file, error) from error
    packages = sorted((each for each in found if each), key=lambda package: package.name)
    reader.once(packages)
    if reader.problems:
        raise ProjectError(reader.problems)
    return Lock(packages=tuple(packages), data=data)


def locked_names(data: bytes, *, file: str) -> frozenset[str]:
    """Return the packages of a lock file, for whatever machine; ``ProjectError``: unreadable."""
    entries = _document(data, file).get("packages", ())
    try:
        return frozenset(normalised(str(entry["name"])) for entry in entries)
    except (KeyError, TypeError) as error:
        raise _malformed(file, error) from error


def preferences(data: bytes, target: Target, *, file: str) -> bytes:
    """Return a lock file from which uv learns the versions and commits that ``target`` had.

    Whether the files that it names still fit has no part in that.
    """
    reader = _Reader(target, file, {})
    entries = _document(data, file).get("packages", ())
    try:
        kept = [entry for entry in map(reader.preference, entries) if entry]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _malformed(file, error, "keep nothing of it: `cog lock --upgrade`") from error
    return "\n".join([HEADER, *kept]).encode()


def lock_text(packages: Iterable[Package]) -> bytes:
    """Return a lock file of ``packages`` and no others, in their order."""
    return "\n".join([HEADER, *(lock_entry([package]) for package in packages)]).encode()


def lock_entry(same: Iterable[Package], marker: str = "") -> str:
    """Return one package's table in a lock file: all the sources that several machines have."""
    sources: dict[str, dict[str, None]] = {}
    for package in same:
        sources.setdefault(package.kind, {}).update(dict.fromkeys(package.sources))
    head = {"name": package.name, "version": package.version, "marker": marker}
    lines = ["[[packages]]", *(f"{key} = {toml_value(each)}" for key, each in head.items() if each)]
    for kind, values in sorted(sources.items()):
        shown = ", ".join(values)
        lines.append(f"{kind} = [{shown}]" if kind == "wheels" else f"{kind} = {shown}")
    return "\n".join([*lines, ""])


def from_folder(package: Package, folder: str) -> Package:
    """Return a package as a lock file in ``folder`` names it: paths are relative to that."""
    if not package.files or not folder:
        return package
    found = [tomllib.loads(f"source = {source}")["source"] for source in package.sources]
    for source in found:
        if "path" in source:
            source["path"] = posixpath.relpath(source["path"], folder)
    return replace(package, sources=tuple(map(toml_value, found)))


def frozen(package: Package) -> str:
    """Return a package as ``pip freeze`` prints it; empty where that needs its metadata."""
    if package.kind != "vcs":
        return f"{package.name}=={package.version}" if package.version else ""
    (text,) = package.sources
    source = tomllib.loads(f"source = {text}")["source"]
    address = f"{source['type']}+{source['url']}@{source['commit-id']}"
    folder = f"#subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
    return f"{package.name} @ {address}{folder}"


def toml_value(value: object) -> str:
    """Return a value as TOML writes it inline."""
    if isinstance(value, Mapping):
        return (
            "{ "
            + ", ".join(f"{_key(key)} = {toml_value(each)}" for key, each in value.items())
            + " }"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    # JSON's strings, numbers and booleans are TOML's too, but for DEL.
    return _JSON.encode(value).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else toml_value(key)


def _document(data: bytes, file: str) -> Table:
    try:
        document = tomllib.loads(data.decode())
    except (RecursionError, ValueError) as error:
        raise _error(file, f"the lock file cannot be read: {error}", _AGAIN) from error
    version = document.get("lock-version")
    if not isinstance(version, str) or not version.startswith(_SUPPORTED):
        message = f"the lock file has lock-version {version!r}, and 1.0 is what is understood"
        raise _error(file, message, _AGAIN)
    return document


def _malformed(file: str, error: Exception, hint: str = _AGAIN) -> ProjectError:
    return _error(file, f"the lock file is not as PEP 751 says: {error!r}", hint)


def _error(file: str, message: str, hint: str) -> ProjectError:
    return ProjectError([Problem(file=file, message=message, hint=hint)])


class _Reader:
    def __init__(self, target: Target, file: str, pins: Mapping[str, Sequence[str]]) -> None:
        self._target = target
        self._file = file
        self._pins = pins
        self.problems: list[Problem] = []

    def package(self, entry: Table) -> Package | None:
        """Return a package as ``target`` gets it; None: not at all."""
        if not self._applies(entry.get("marker", "")):
            return None
        chosen = self._source(entry)
        if chosen is None:
            return None
        kind, value = chosen
        name, version = normalised(str(entry["name"])), str(entry.get("version", ""))
        return Package(
            name=name,
            version=version,
            kind=kind,
            sources=tuple(map(toml_value, _files(value))),
            size=max(map(_size, _files(value))),
            is_source=kind != "wheels"
            and not any(file_name(each).endswith(".whl") for each in _files(value)),
            files=tuple(str(each["path"]) for each in _files(value) if "path" in each),
            urls=tuple(str(each["url"]) for each in _files(value) if "url" in each),
        )

    def preference(self, entry: Table) -> str:
        """Return an entry with what decides its version; empty: ``target`` does not get it."""
        kind = next((each for each in _SOURCES if each in entry), "directory")
        if (
            kind == "directory"
            or "version" not in entry
            or not self._applies(entry.get("marker", ""))
        ):
            return ""
        value = entry[kind]
        source = dict(value) if kind == "vcs" else self._kept(_files(value)[0])
        name, version = str(entry["name"]), str(entry["version"])
        shown = toml_value(source)
        return lock_entry([Package(name=name, version=version, kind=kind, sources=(shown,))])

    def once(self, packages: Iterable[Package]) -> None:
        """Say which packages stand in the lock twice for this target."""
        seen: set[str] = set()
        for package in packages:
            if package.name in seen:
                self._problem(f"{package.name} is locked twice for {self._shown}")
            seen.add(package.name)

    def _applies(self, marker: str) -> bool:
        if not marker:
            return True
        # Few locks have markers, and this import is felt in a build.
        from packaging.markers import Marker  # noqa: PLC0415

        environment: dict[str, Any] = dict(self._target.environment())
        environment |= {"extras": frozenset(), "dependency_groups": frozenset()}
        return Marker(marker).evaluate(environment, context="lock_file")

    def _source(self, entry: Table) -> tuple[str, Table | list[Table]] | None:
        """What the package is installed from, without what does not matter for it."""
        name = normalised(str(entry["name"]))
        fitting = [each for each in entry.get("wheels", ()) if self._fits(each)]
        if wheels := [each for each in fitting if self._is_allowed(name, each)]:
            return "wheels", [self._kept(each) for each in wheels]
        archives = [kind for kind in ("archive", "sdist") if kind in entry]
        for kind in archives:
            if self._is_allowed(name, entry[kind]):
                return kind, self._kept(entry[kind])
        if fitting or archives:
            self._problem(f"no file of {name} has a hash that the requirements allow")
            return None
        if "vcs" in entry:
            return "vcs", _repository(entry["vcs"])
        if "directory" in entry:
            self._check_directory(name, entry["directory"])
            return None
        self._problem(f"{name} has no file that fits {self._shown}")
        return None

    def _check_directory(self, name: str, directory: Table) -> None:
        """The project itself needs no installing; other folders cannot be."""
        if posixpath.normpath(str(directory.get("path", "."))) != ".":
            path = directory["path"]
            self._problem(f"{name}: the folder {path} cannot be installed: build a wheel of it")

    def _fits(self, wheel: Table) -> bool:
        return fits(file_name(wheel), self._target)

    def _is_allowed(self, name: str, file: Table) -> bool:
        return name not in self._pins or file["hashes"].get("sha256") in self._pins[name]

    def _kept(self, file: Table) -> dict[str, Any]:
        kept = {key: file[key] for key in _OF_A_FILE if key in file}
        if "path" in kept:
            kept["path"] = posixpath.normpath(
                posixpath.join(posixpath.dirname(self._file), str(kept["path"]))
            )
            if kept["path"].startswith(("/", "..")):
                self._problem(f"{file['path']} is outside the project folder")
        if "hashes" in kept:
            kept["hashes"] = dict(sorted(kept["hashes"].items()))
        return kept

    @property
    def _shown(self) -> str:
        return f"Python {self._target.python} on {self._target.machine}"

    def _problem(self, message: str) -> None:
        self.problems.append(Problem(file=self._file, message=message, hint=_AGAIN))


def _repository(source: Table) -> Table:
    """Where a repository is and which commit is meant; ``KeyError`` where that is not said."""
    needed = {key: source[key] for key in ("type", "url", "commit-id")}
    return dict(sorted({**source, **needed}.items()))


def _size(file: Table) -> int:
    """The bytes of a file; indexes in HTML name none, and most heavy wheels are for one machine."""
    size: int = file.get("size", 0)
    name = file_name(file)
    return size or (0 if not name.endswith(".whl") or name.endswith("-any.whl") else _UNKNOWN)


def _files(value: Table | list[Table]) -> list[Table]:
    return value if isinstance(value, list) else [value]


def file_name(file: Table) -> str:
    """The name of a wheel or an archive: given, or the end of its URL or path."""
    if "name" in file:
        return str(file["name"])
    # A lock has tens of thousands of them: no parsing of what is not looked at.
    address = str(file.get("url", file.get("path", ""))).partition("#")[0].partition("?")[0]
    return unquote(posixpath.basename(address))
