"""Lock files that a project brings: which one is used, and whether it still says what is asked for.

A ``pylock.toml`` that was made with ``cog lock`` holds a digest of the requirements it was made
from. One of another tool is compared with the requirements themselves. A ``uv.lock`` is left to uv.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cog_frontend.config import Config, Located
from cog_frontend.errors import Problem, ProjectError, Span
from cog_frontend.plan import requirement_lines as lines
from cog_frontend.plan.lock import HEADER, Lock, Package, from_folder, lock_entry
from cog_frontend.plan.requirements import Requirements
from cog_frontend.plan.wheel import Target

Read = Callable[[str], "bytes | None"]

LOCK_FILE = "pylock.toml"
UV_LOCK = "uv.lock"
PROJECT_FILE = "pyproject.toml"
TOOL = "cogkit"
_PYLOCK = re.compile(r"pylock(\.[^.]+)?\.toml")
_AGAIN = "run `cog lock`"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockFile:
    """A lock file of the project; ``span`` is where the config names it (None: found by its name).

    ``project`` is the ``pyproject.toml`` that goes with a ``uv.lock``.
    """

    path: str
    data: bytes
    span: Span | None = None
    project: bytes = b""

    @property
    def is_uv(self) -> bool:
        """Whether it is uv's own, which uv turns into a pylock.toml."""
        return posixpath.basename(self.path) == UV_LOCK


def find_lock(
    config: Config, requirements: Requirements | None, read: Read, *, filename: str
) -> LockFile | None:
    """Return the lock file to install from: the one that is named, else one beside the config.

    Raises ``ProjectError`` where it is missing or stale; ``filename`` is that of the config.
    """
    named = config.build.lock
    if named is None:
        wants = requirements is not None and not requirements.is_empty
        data = read(LOCK_FILE) if wants else None
        found = None if data is None else LockFile(path=LOCK_FILE, data=data)
    else:
        found = _named(named, read, filename)
    if found and requirements and not found.is_uv:
        _check(found, requirements, config)
    return found


def _named(named: Located, read: Read, filename: str) -> LockFile:
    path, span = posixpath.normpath(named.text), named.span
    name = posixpath.basename(path)
    if name != UV_LOCK and not _PYLOCK.fullmatch(name):
        message = f"build.lock: {named.text} is not a lock file"
        raise _error(filename, message, "name a pylock.toml or a uv.lock", span)
    data = read(path)
    if data is None:
        hint = "run `uv lock`" if name == UV_LOCK else _AGAIN
        raise _error(filename, f"build.lock: {path}: there is no such file", hint, span)
    if name != UV_LOCK:
        return LockFile(path=path, data=data, span=span)
    beside = posixpath.join(posixpath.dirname(path), PROJECT_FILE)
    project = read(beside)
    if project is None:
        message = f"build.lock: {path} needs {beside}, and there is no such file"
        raise _error(filename, message, "", span)
    return LockFile(path=path, data=data, span=span, project=project)


def requirements_digest(requirements: Requirements, config: Config) -> str:
    """What a lock was made from, in short: another text means another lock.

    Comments and blank lines mean nothing, so they are not in it.
    """
    files = [
        (file.path, [line.text for line in lines.logical_lines(file.data.decode())])
        for file in requirements.files
    ]
    indexes = [(each.url.text, each.default) for each in config.build.python_index]
    asked = json.dumps([files, requirements.options, indexes])
    return "sha256:" + hashlib.sha256(asked.encode()).hexdigest()


def lock_document(
    locks: Mapping[Target, Lock], requirements: Requirements, config: Config, *, folder: str = ""
) -> bytes:
    """Return the lock file for all targets, as ``cog lock`` writes it into ``folder``.

    A package that only some targets get carries a marker for their machine.
    """
    entries: dict[tuple[str, str], dict[Target, Package]] = {}
    for target, lock in locks.items():
        for package in lock.packages:
            here = from_folder(package, folder)
            entries.setdefault((package.name, package.version), {})[target] = here
    written = [
        lock_entry(of.values(), _marker(of, len(locks))) for _, of in sorted(entries.items())
    ]
    tool = {
        "requirements": requirements_digest(requirements, config),
        "python": config.python_minor,
    }
    lines_of_tool = [f"[tool.{TOOL}]", *(f'{key} = "{value}"' for key, value in tool.items())]
    head = f'{HEADER}requires-python = "=={config.python_minor}.*"\n'
    return "\n".join([head, *written, "\n".join(lines_of_tool), ""]).encode()


def _marker(targets: Iterable[Target], of: int) -> str:
    machines = sorted(target.machine for target in targets)
    if len(machines) == of:
        return ""
    return " or ".join(f"platform_machine == '{machine}'" for machine in machines)


def _check(found: LockFile, requirements: Requirements, config: Config) -> None:
    """Raise what makes a lock stale; one that cannot be read is met again when it is used."""
    try:
        document = tomllib.loads(found.data.decode())
    except (RecursionError, ValueError):
        return
    made = document.get("tool", {}).get(TOOL, {})
    if "requirements" not in made:
        stale = list(_unmet(document, requirements, config))
    elif made.get("python") != config.python_minor:
        stale = [f"it was made for Python {made.get('python')}, and this is {config.python_minor}"]
    elif made["requirements"] != requirements_digest(requirements, config):
        stale = ["the requirements have changed since it was made"]
    else:
        return
    if stale:
        span = _line_of("requirements", found.data)
        raise ProjectError(
            Problem(
                file=found.path, message=f"the lock file is stale: {each}", hint=_AGAIN, span=span
            )
            for each in stale
        )


def _line_of(key: str, data: bytes) -> Span:
    """Where a key of the last table stands; the first line where it does not."""
    numbers = [
        number
        for number, line in enumerate(data.splitlines(), 1)
        if line.startswith(f"{key} = ".encode())
    ]
    return Span(numbers[-1], numbers[-1]) if numbers else Span(1, 1)


def _unmet(
    document: Mapping[str, Any], requirements: Requirements, config: Config
) -> Iterator[str]:
    """Say which requirements a lock of another tool does not meet."""
    # Locks of other tools are rare, and these imports are felt in a build.
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415

    versions: dict[str, set[str]] = {}
    for each in document.get("packages", ()):
        name = lines.normalised(str(each.get("name", "")))
        versions.setdefault(name, set()).add(str(each.get("version", "")))
    environment = Target(config.python_minor, "x86_64").environment()
    for text in _requirement_lines(requirements):
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        if wanted.marker and not wanted.marker.evaluate({**environment, "extra": ""}):
            continue
        locked = versions.get(lines.normalised(wanted.name), set())
        allowed = wanted.specifier
        if not any(not each or allowed.contains(each, prereleases=True) for each in locked):
            yield f"{wanted} is not in it"


def _requirement_lines(requirements: Requirements) -> Iterator[str]:
    """The requirements themselves: constraints ask for nothing."""
    for file in requirements.files:
        if file.path in requirements.constraints:
            continue
        for line in lines.logical_lines(file.data.decode()):
            if not line.text.startswith("-"):
                yield line.text.partition(" --")[0]


def _error(file: str, message: str, hint: str, span: Span) -> ProjectError:
    return ProjectError([Problem(file=file, message=message, hint=hint, span=span)])
