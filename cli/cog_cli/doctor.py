"""``cog doctor``: the project against the rules, and mending what is safe to mend."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from cog_cli.app import App
from cog_cli.errors import CliError
from cog_cli.project import Project, ignore_file, read_inside, read_text
from cog_cli.report import describe
from cog_frontend.config import examine_config
from cog_frontend.errors import ProjectError
from cog_frontend.lint import Edit, Finding, apply_edits, as_problems, check_names, gather, lint
from cog_frontend.option_values import OptionError


def doctor(app: App, config: str, *, fix: bool, skip: Sequence[str]) -> None:
    """Show what the rules find; CliError where something is left.

    ``skip`` are ids of rules to leave out. ``fix``: what can be is mended first.
    """
    try:
        skipped = check_names("--skip", skip)
    except OptionError as error:
        raise CliError(str(error)) from error
    project = app.project(config)
    found = check(project, skipped)
    while fix and any(each.edit for each in found):
        _mend(app, project, found)
        # Of edits that touch one, the first was done: what is left is found again.
        project = app.project(config)
        found = check(project, skipped)
    if found:
        app.screen.out(_shown(project, found))
        raise CliError(f"{_counted(found)} found; docs/lint.md says what each rule is good for")
    app.screen.note(f"{project.file.name}: nothing to improve")


def check(project: Project, skip: Collection[str] = ()) -> tuple[Finding, ...]:
    """Return what the rules find in a project that was read without problems."""
    root, data = project.root, project.file.read_bytes()
    predictor, requirements = project.config.predictor, project.facts.requirements
    paths = [each.path for each in requirements.files] if requirements else []
    if predictor:
        paths.append(predictor.text.partition(":")[0])
    read = {path: read_inside(root, path) for path in paths}
    facts = gather(
        (project.file.name, data),
        project.config,
        project.facts,
        {path: content for path, content in read.items() if content is not None},
        has_ignore_file=ignore_file(root, project.file) is not None,
        warnings=examine_config(data, project.file.name).warnings,
    )
    return lint(facts, skip=skip)


def _mend(app: App, project: Project, found: Sequence[Finding]) -> None:
    for file in dict.fromkeys(each.edit.file for each in found if each.edit):
        edits = [each.edit for each in found if each.edit and each.edit.file == file]
        _rewrite(project.root / file, edits)
    for each in found:
        if each.edit:
            app.screen.note(f"mended {_place(each)} ({each.rule})")


def _rewrite(path: Path, edits: Sequence[Edit]) -> None:
    """Put the edited file in the place of the old one, whole or not at all."""
    target = path.resolve()
    data = apply_edits(edits[0].file, target.read_bytes().decode(), edits)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data.encode())
            shutil.copymode(target, new)
            new.replace(target)
        except OSError:
            new.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from error


def _shown(project: Project, found: Sequence[Finding]) -> str:
    error = ProjectError(as_problems(found))
    return describe(error, lambda path: read_text(project.root, path))


def _place(finding: Finding) -> str:
    return f"{finding.file}:{finding.span.start_line}" if finding.span else finding.file


def _counted(found: Sequence[Finding]) -> str:
    return "1 thing" if len(found) == 1 else f"{len(found)} things"
