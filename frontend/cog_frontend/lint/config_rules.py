"""Rules about the keys of cog.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cog_frontend.config import Located
from cog_frontend.errors import Span
from cog_frontend.lint.model import Edit, Facts, Finding

# An end of support within a year of this table's last edit (devguide.python.org/versions).
_OLD_PYTHONS = {"3.10": "October 2026", "3.11": "October 2027"}
_SECRET_NAME = re.compile(r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY)(_|$)", re.I)
_DEPRECATED_PREDICT = re.compile(r"^predict(\s*:)")


def _at(facts: Facts, span: Span | None, message: str, edit: Edit | None = None) -> Finding:
    return Finding(message=message, file=facts.filename, span=span, edit=edit)


def _removal(facts: Facts, entry: Located) -> Edit | None:
    """The edit that removes an entry of a list that has its line to itself."""
    line = facts.line(entry.span.start_line)
    alone = re.fullmatch(rf"\s*-\s+(['\"]?){re.escape(entry.text)}\1\s*", line)
    return Edit(facts.filename, entry.span.start_line, entry.span.start_line) if alone else None


def deprecated_key(facts: Facts) -> Iterator[Finding]:
    for warning in facts.warnings:
        if warning.message.startswith("deprecated") and warning.span:
            line = warning.span.start_line
            renamed = _DEPRECATED_PREDICT.sub(r"run\1", facts.line(line))
            edit = Edit(facts.filename, line, line, f"{renamed}\n")
            is_mendable = renamed != facts.line(line)
            text = f"{warning.message} ({warning.hint})"
            yield _at(facts, warning.span, text, edit if is_mendable else None)


def build_warning(facts: Facts) -> Iterator[Finding]:
    for warning in facts.warnings:
        if not warning.message.startswith("deprecated"):
            hint = f" ({warning.hint})" if warning.hint else ""
            yield Finding(message=f"{warning.message}{hint}", file=warning.file, span=warning.span)


def no_predictor(facts: Facts) -> Iterator[Finding]:
    if facts.config.predictor is None:
        yield _at(facts, None, "there is no `run`: the image serves nothing")


def python_not_chosen(facts: Facts) -> Iterator[Finding]:
    if facts.config.build.python_version is None and facts.config.build.base is None:
        yield _at(facts, None, f"build.python_version is not set: {facts.config.python} for now")


def python_unquoted(facts: Facts) -> Iterator[Finding]:
    version = facts.config.build.python_version
    if version and re.fullmatch(r"\d\.\d*0", version.text):
        number = version.span.start_line
        line, column = facts.line(number), version.span.start_column - 1
        if line.startswith(version.text, column):
            after = line[column + len(version.text) :]
            fixed = f'{line[:column]}"{version.text}"{after}\n'
            edit = Edit(facts.filename, number, number, fixed)
            yield _at(facts, version.span, f"{version.text} is 3.1 to other YAML tools", edit)


def python_near_its_end(facts: Facts) -> Iterator[Finding]:
    if end := _OLD_PYTHONS.get(facts.config.python_minor):
        version = facts.config.build.python_version
        text = f"Python {facts.config.python_minor} gets no security fixes after {end}"
        yield _at(facts, version.span if version else None, text)


def secret_in_environment(facts: Facts) -> Iterator[Finding]:
    for variable in facts.config.environment:
        if variable.value and _SECRET_NAME.search(variable.name):
            yield _at(facts, variable.span, f"{variable.name} can be read by whoever has the image")


def base_not_pinned(facts: Facts) -> Iterator[Finding]:
    base = facts.config.build.base
    if base and (":" not in base.text.rpartition("/")[2] or base.text.endswith(":latest")):
        yield _at(facts, base.span, f"{base.text} is another image next month: name a version")


def _twice(facts: Facts, entries: Sequence[Located], what: str) -> Iterator[Finding]:
    seen: set[str] = set()
    for entry in entries:
        if entry.text in seen:
            edit = _removal(facts, entry)
            yield _at(facts, entry.span, f"{what} {entry.text} is listed twice", edit)
        seen.add(entry.text)


def system_package_twice(facts: Facts) -> Iterator[Finding]:
    yield from _twice(facts, facts.config.build.system_packages, "system package")


def system_package_version(facts: Facts) -> Iterator[Finding]:
    for package in facts.config.build.system_packages:
        if "=" in package.text:
            text = f"{package.text}: mirrors drop old versions, and the build breaks then"
            yield _at(facts, package.span, text)


def no_ignore_file(facts: Facts) -> Iterator[Finding]:
    if not facts.has_ignore_file:
        yield _at(facts, None, "there is no .dockerignore: all of the folder is in the image")
