"""Advice about a project that builds: rules with stable ids, each with a page in docs/lint.md."""

from cog_frontend.lint.gather import gather
from cog_frontend.lint.model import Edit, Facts, Finding, Rule, apply_edits
from cog_frontend.lint.table import RULES, as_problems, check_names, lint

__all__ = [
    "RULES",
    "Edit",
    "Facts",
    "Finding",
    "Rule",
    "apply_edits",
    "as_problems",
    "check_names",
    "gather",
    "lint",
]
