"""Checking a project: ``--call check``, and builds that are told to refuse what the rules find."""

from __future__ import annotations

from collections.abc import Mapping

from cog_frontend import plan
from cog_frontend.config import Config
from cog_frontend.errors import FrontendError, Problem, ProjectError
from cog_frontend.gateway import Result, subrequest_reply
from cog_frontend.lint import RULES, Finding, as_problems, check_names, gather, lint
from cog_frontend.option_values import PREFIX_BUILD_ARG, OptionError, boolean, names
from cog_frontend.options import ARG_CHECK
from cog_frontend.reading import Reading
from cog_frontend.replies import Json, encoded, place

_KEY = PREFIX_BUILD_ARG + ARG_CHECK
# The built-in frontend has experimental rules; there are none here.
_PARTS = ("skip", "error", "experimental")
_BY_ID = {rule.id: rule for rule in RULES}


def check(reading: Reading) -> Result:
    """Answer ``frontend.lint``; what a build would refuse is part of the answer."""
    try:
        config, problems, warnings = reading.examine()
        project = reading.project(config, problems)
    except ProjectError as error:
        if not reading.data:  # there is no config to show it in
            raise
        return _reply(reading, (), error)
    found = _found(reading, config, project, warnings)
    return _reply(reading, found, None)


def refuse(
    reading: Reading, config: Config, project: plan.Project, warnings: tuple[Problem, ...]
) -> None:
    """Refuse to build what the rules find something in, where ``error=true`` asks for that."""
    if not _is_error(reading.check):
        return
    found = _found(reading, config, project, warnings)
    if found:
        raise ProjectError(as_problems(found))


def _found(
    reading: Reading, config: Config, project: plan.Project, warnings: tuple[Problem, ...]
) -> tuple[Finding, ...]:
    facts = gather(
        (reading.filename, reading.data),
        config,
        project,
        reading.sources,
        has_ignore_file=reading.has_ignore_file,
        warnings=warnings,
    )
    return lint(facts, skip=skipped(reading.check))


def skipped(text: str) -> frozenset[str]:
    """Return the rules that ``skip=A,B`` in the option's value leaves out; ``all`` is each rule."""
    wanted = names(_parts(text).get("skip", ""))
    if [name.lower() for name in wanted] == ["all"]:
        return frozenset(_BY_ID)
    return check_names(_KEY, wanted)


def _is_error(text: str) -> bool:
    """Whether ``error=true`` in the option's value makes a build with findings fail."""
    value = _parts(text).get("error", "")
    return bool(value) and boolean(f"{_KEY}: error", value)


def _parts(text: str) -> dict[str, str]:
    """``skip=A,B;error=true``, as the built-in frontend reads it."""
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    parts = {name.strip().lower(): value for name, _, value in pairs}
    for name in parts:
        if name not in _PARTS:
            raise OptionError(f"option {_KEY}: {name!r} is none of {', '.join(_PARTS)}")
    return parts


def _reply(reading: Reading, found: tuple[Finding, ...], error: ProjectError | None) -> Result:
    # The config first: an error without a place of its own is shown there.
    sources = {reading.filename: reading.data} | reading.sources
    order = {name: number for number, name in enumerate(sources)}
    document: Json = {
        "warnings": [
            {
                "ruleName": each.rule,
                "description": _BY_ID[each.rule].summary,
                "url": _BY_ID[each.rule].url,
                "detail": each.message,
                "location": place(order.get(each.file, -1) if each.span else -1, each.span),
            }
            for each in found
        ],
        "sources": [{"filename": name, "data": encoded(data)} for name, data in sources.items()],
    }
    if error:
        first = error.problems[0]
        where = place(order.get(first.file, 0), first.span)
        document["buildError"] = {"message": str(error), "location": where}
    status = 1 if found or error else 0
    return subrequest_reply(document, _text(found, sources, error), status=status)


def _text(
    found: tuple[Finding, ...], sources: Mapping[str, bytes], error: FrontendError | None
) -> str:
    parts = [_finding_text(each, sources.get(each.file)) for each in found]
    if error:
        parts.append(f"ERROR: {error}\n")
    return "\n".join(parts) or "Check complete, no warnings found.\n"


def _finding_text(finding: Finding, data: bytes | None) -> str:
    rule = _BY_ID[finding.rule]
    at = f"{finding.file}:{finding.span.start_line}" if finding.span else finding.file
    lines = [f"WARNING: {rule.id} - {rule.url}", finding.message, rule.summary, at]
    if finding.span and data is not None:
        text = data.decode("utf-8", "replace").split("\n")
        shown = text[finding.span.start_line - 1 : finding.span.end_line]
        lines += [f"  >>> {line}" for line in shown]
    return "\n".join(lines) + "\n"
