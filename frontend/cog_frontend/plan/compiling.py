"""Finds code that compiles while a model runs: it needs a C compiler in the image."""

from __future__ import annotations

import ast

from cog_frontend.errors import Span
from cog_frontend.plan.stack import Source


def compiling_code(file: str, data: bytes) -> Source | None:
    """Return the first place where a module uses ``torch.compile`` or Triton; None: nowhere.

    A file that is no Python has none: whoever needs it to be says so.
    """
    if b"compile" not in data and b"triton" not in data:
        return None
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return None
    found = [
        (node.lineno, what)
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt | ast.expr) and (what := _compiles(node))
    ]
    if not found:
        return None
    line, what = min(found)
    return Source(file=file, span=Span(line, line), what=what)


def _compiles(node: ast.AST) -> str:
    match node:
        case ast.Import(names=names) if any(alias.name == "triton" for alias in names):
            return "triton"
        case ast.Attribute(value=ast.Name(id="torch"), attr="compile"):
            return "torch.compile"
        case _:
            return ""
