"""The facts of a project that rules look at, from what a build has read of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from cog_frontend import plan
from cog_frontend.config import Config
from cog_frontend.errors import Problem
from cog_frontend.lint.model import Facts
from cog_frontend.plan.requirements import PACKAGES_FILE


def gather(  # noqa: PLR0913 - what is known of a project, each by its name
    config_file: tuple[str, bytes],
    config: Config,
    project: plan.Project,
    files: Mapping[str, bytes],
    *,
    has_ignore_file: bool,
    warnings: tuple[Problem, ...],
) -> Facts:
    """Return the facts; ``files`` are those of the project as they are, not as a build uses them.

    ``warnings`` are those about the config; the project has its own.
    """
    requirements, own = project.requirements, {}
    if requirements:
        known = [replace(each, data=files.get(each.path, each.data)) for each in requirements.files]
        requirements = replace(requirements, files=tuple(known))
        own = {each.path: each.data.decode() for each in known if each.path in files}
        own.pop(PACKAGES_FILE, None)
    filename, data = config_file
    code = config.predictor.text.partition(":")[0] if config.predictor else ""
    return Facts(
        filename=filename,
        text=_text(data),
        config=config,
        files=own,
        listing=plan.listing(requirements),
        code=_text(files.get(code, b"")),
        schema=json.loads(project.schema) if project.schema else {},
        has_lock=project.lock_file is not None,
        has_ignore_file=has_ignore_file,
        warnings=(*warnings, *project.warnings),
    )


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig", "replace")
