"""Which CUDA the other frameworks need, and what brings it: extras of theirs, or libraries."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.specifiers import SpecifierSet

from cog_compat.rows import FrameworkRow, jax_rows, onnxruntime_rows, tensorflow_rows
from cog_compat.versions import candidates, is_newer, minor

_TABLES = {
    "tensorflow": tensorflow_rows,
    "onnxruntime-gpu": onnxruntime_rows,
    "jax": jax_rows,
}
FRAMEWORKS = frozenset(_TABLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkBuild:
    """The CUDA (and cuDNN) a release is built for; ``extras`` of it bring them as wheels.

    ``note`` says what the tables could not confirm, empty when they could.
    """

    name: str
    version: str
    cuda: str
    cudnn: str
    extras: tuple[str, ...]
    note: str = ""


def resolve_framework(name: str, specifier: str, *, python: str, cuda: str = "") -> FrameworkBuild:
    """Return the newest release of a framework that fits, or raise ``NoMatch``.

    ``name`` is one of ``FRAMEWORKS``; ``cuda`` a version whose major must be the framework's.
    """
    rows = _TABLES[name]()
    versions = SpecifierSet(specifier)
    if is_newer(versions, rows):
        newest = rows[0]
        note = f"{name}{specifier} is newer than the tables of this cogkit, which end at"
        return _build(newest, f"{note} {newest.version}")

    def reject(row: FrameworkRow) -> str:
        same = not cuda or minor(row.cuda)[0] == minor(cuda)[0]
        return "" if same else f"it is built for CUDA {row.cuda}, not {cuda}"

    wanted = f"{name}{specifier} for Python {python}" + (f" and CUDA {cuda}" if cuda else "")
    row = candidates(rows, versions, python=python, wanted=wanted, reject=reject)[0]
    return _build(row)


def _build(row: FrameworkRow, note: str = "") -> FrameworkBuild:
    return FrameworkBuild(
        name=row.name,
        version=str(row.version),
        cuda=row.cuda,
        cudnn=row.cudnn,
        extras=row.extras,
        note=note,
    )
