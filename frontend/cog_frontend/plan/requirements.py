"""Requirement files as pip reads them: what a build must bring along, and what cannot work in one.

Format: pip's "Requirements File Format". Lines pass to uv as they are, except that the SDK's own
distributions (`cog`, `coglet`) are taken out, because the image brings the SDK.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cog_frontend.errors import Problem, ProjectError, Span

Read = Callable[[str], "bytes | None"]

MAX_FILES = 64
_INCLUDE = re.compile(r"^(?:-r|--requirement|-c|--constraint)(?:\s+|\s*=\s*|(?=\S))(?P<path>.+)$")
_EDITABLE = re.compile(r"^(?:-e|--editable)\b")
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?=$|[\[;<>=!~@ ])")
_ARTIFACT = re.compile(r"^(?P<path>[^\s:;#]+\.(?:whl|zip|tar\.gz|tgz|tar\.bz2|tar\.xz))(?:\s|;|$)")
_OWN = frozenset({"cog", "coglet"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementFile:
    """One file as the build will see it: its path in the project and its bytes."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """Everything a set of requirements needs: its files, the first one leading.

    ``artifacts`` are wheels and source archives of the project that lines name by path;
    ``removed`` are lines taken out, as ``file:line: text``.
    """

    files: tuple[RequirementFile, ...]
    artifacts: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to install."""
        lines = b"\n".join(file.data for file in self.files).splitlines()
        return not any(line.strip() and not line.strip().startswith(b"#") for line in lines)


def from_packages(packages: tuple[str, ...]) -> Requirements:
    """Requirements of ``build.python_packages``, one entry a line."""
    kept = [line for line in packages if _package_name(line) not in _OWN]
    text = "".join(f"{line}\n" for line in kept)
    return Requirements(
        files=(RequirementFile(path="requirements.txt", data=text.encode()),),
        removed=tuple(line for line in packages if line not in kept),
    )


def read_requirements(path: str, read: Read) -> Requirements:
    """Follow a requirements file and its includes through ``read(path in the project)``.

    Raises ``ProjectError`` with every problem in them; the first file must exist.
    """
    reader = _Reader(read)
    reader.follow(posixpath.normpath(path))
    if reader.problems:
        raise ProjectError(reader.problems)
    return Requirements(
        files=tuple(RequirementFile(path=p, data=d) for p, d in reader.files.items()),
        artifacts=tuple(sorted(reader.artifacts)),
        removed=tuple(reader.removed),
    )


def logical_lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield ``(first line, last line, content)``: continuations joined, comments cut, as pip does.

    A comment starts at a ``#`` at the start of a line or after white space, so URL fragments stay.
    """
    start, held = 0, ""
    for number, raw in enumerate(text.splitlines(), 1):
        start = start or number
        if raw.endswith("\\") and not raw.lstrip().startswith("#"):
            held += raw[:-1]
            continue
        content = re.sub(r"(^|\s)#.*$", "", held + raw).strip()
        if content:
            yield start, number, content
        start, held = 0, ""
    if held.strip():
        yield start, len(text.splitlines()), held.strip()


def _package_name(line: str) -> str:
    match = _NAME.match(line)
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""


class _Reader:
    def __init__(self, read: Read) -> None:
        self._read = read
        self.files: dict[str, bytes] = {}
        self.artifacts: set[str] = set()
        self.removed: list[str] = []
        self.problems: list[Problem] = []

    def follow(self, first: str) -> None:
        waiting = [(first, "", Span(1, 1))]
        while waiting:
            path, parent, span = waiting.pop(0)
            if path in self.files:
                continue
            if len(self.files) >= MAX_FILES:
                self._problem(parent, span, f"more than {MAX_FILES} requirement files")
                return
            data = self._read(path)
            if data is None:
                self._problem(parent or path, span, f"{path}: file does not exist")
                continue
            waiting += [(target, path, at) for target, at in self._scan(path, data)]

    def _scan(self, path: str, data: bytes) -> Iterator[tuple[str, Span]]:
        """Keep the file without its own-SDK lines; yield the files it includes."""
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            self._problem(path, Span(1, 1), "the file is not UTF-8", "save it as UTF-8")
            return
        lines = text.splitlines()
        for start, end, content in logical_lines(text):
            span = Span(start, end)
            if _package_name(content) in _OWN:
                self.removed.append(f"{path}:{start}: {content}")
                lines[start - 1 : end] = [""] * (end - start + 1)
            elif _EDITABLE.match(content):
                hint = "name a wheel or a package, or install it with build.run"
                self._problem(path, span, f"editable install in an image: {content}", hint)
            elif match := _INCLUDE.match(content):
                if target := self._target(path, match["path"].strip().strip("'\""), span):
                    yield target, span
            elif (match := _ARTIFACT.match(content)) and not content.startswith("-"):
                self._artifact(path, match["path"], span)
        self.files[path] = "".join(f"{line}\n" for line in lines).encode()

    def _target(self, path: str, target: str, span: Span) -> str | None:
        if "://" in target:
            return None  # uv fetches it during the build
        joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if joined.startswith(("/", "..")):
            self._problem(path, span, f"{target} is outside the project folder")
            return None
        return joined

    def _artifact(self, path: str, target: str, span: Span) -> None:
        # pip and uv take a path in a requirement line relative to the working directory.
        joined = posixpath.normpath(target)
        if joined.startswith(("/", "..")):
            self._problem(path, span, f"{target} is outside the project folder")
        elif self._read(joined) is None:
            self._problem(path, span, f"{target}: file does not exist")
        else:
            self.artifacts.add(joined)

    def _problem(self, file: str, span: Span, message: str, hint: str = "") -> None:
        self.problems.append(Problem(file=file, span=span, message=message, hint=hint))
