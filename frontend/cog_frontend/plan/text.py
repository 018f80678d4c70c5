"""A plan as JSON a person can read: the same plan gives the same text."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass

from cog_frontend.errors import Span
from cog_frontend.plan.model import Plan


def plan_json(plan: Plan) -> str:
    """Return the plan as indented JSON; file contents as text, spans as ``line`` or ``a-b``."""
    return json.dumps(_value(plan), indent=2, ensure_ascii=False) + "\n"


def _is_usual(name: str, value: object) -> bool:
    """Whether a value says nothing: what nearly every one has is left out."""
    return value in (None, (), "") or (name, value) in (
        ("kept", True),
        ("is_own", False),
        ("writable", False),
    )


def _value(value: object) -> object:
    if isinstance(value, Span):
        one = value.start_line == value.end_line
        return f"{value.start_line}" if one else f"{value.start_line}-{value.end_line}"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, tuple):
        return [_value(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        shown = {f.name: getattr(value, f.name) for f in fields(value)}
        kind = {"kind": type(value).__name__.lower()}
        return kind | {k: _value(v) for k, v in shown.items() if not _is_usual(k, v)}
    return value
