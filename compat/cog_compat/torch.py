"""Which build of torch a project gets, and from which index.

PyPI has one build of each release; PyTorch's own index has a folder for every CUDA (``cu126``)
and one for CPUs (``cpu``). uv calls such a folder a torch backend.
"""

from __future__ import annotations

from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cog_compat.errors import NoMatch, Rejected
from cog_compat.rows import TorchRow, torch_rows
from cog_compat.versions import candidates, is_newer, minor, pinned

CPU = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchBuild:
    """A build of torch; ``backend`` is PyTorch's folder, empty for PyPI.

    ``note`` says what the tables could not confirm, empty when they could.
    """

    version: Version
    cuda: str | None
    backend: str
    note: str = ""


def resolve_torch(specifier: str, *, python: str, cuda: str = "", cpu: bool = False) -> TorchBuild:
    """Return the newest build that fits, or raise ``NoMatch``.

    ``specifier`` as in a requirement (empty: any), ``python`` a minor version, ``cuda`` a version
    (empty: what PyPI's wheel is built for), ``cpu``: without CUDA.
    """
    versions = SpecifierSet(specifier)
    exact = pinned(versions)
    if exact and exact.local:
        return _local(exact)
    if is_newer(versions, torch_rows()):
        return _newer(versions, cuda, cpu=cpu)
    wanted = f"torch{specifier} for Python {python}"
    rows = candidates(torch_rows(), versions, python=python, wanted=wanted)
    if cpu:
        return _build(next(row for row in rows if row.cuda is None))
    return _for_cuda(rows, cuda, wanted) if cuda else _build(next(r for r in rows if r.on_pypi))


def _build(row: TorchRow, note: str = "") -> TorchBuild:
    backend = "" if row.on_pypi else backend_of(row.cuda)
    return TorchBuild(version=row.version, cuda=row.cuda, backend=backend, note=note)


def backend_of(cuda: str | None) -> str:
    """Return PyTorch's name of a CUDA: ``cu126`` for 12.6, ``cpu`` for None."""
    return CPU if cuda is None else "cu{}{}".format(*minor(cuda))


def _local(version: Version) -> TorchBuild:
    """The build that a version such as ``2.1.0+cu118`` names itself."""
    local = version.local or ""
    digits = local.removeprefix("cu") if local.startswith("cu") else ""
    cuda = f"{digits[:-1]}.{digits[-1]}" if digits.isdecimal() else None
    return TorchBuild(version=version, cuda=cuda, backend=local)


def _newer(specifier: SpecifierSet, cuda: str, *, cpu: bool) -> TorchBuild:
    """What the rules give for a release that the tables do not know yet."""
    newest = torch_rows()[0]
    version = pinned(specifier) or newest.version
    chosen = None if cpu else (cuda or newest.cuda)
    backend = backend_of(chosen) if cpu or cuda else ""
    note = f"torch{specifier} is newer than the tables of this cogkit, which end at"
    return TorchBuild(
        version=version, cuda=chosen, backend=backend, note=f"{note} {newest.version}"
    )


def _for_cuda(rows: list[TorchRow], cuda: str, wanted: str) -> TorchBuild:
    """The newest torch for that CUDA; else, for the newest torch, the nearest CUDA below it."""
    for row in rows:
        if row.cuda and minor(row.cuda) == minor(cuda):
            return _build(row)
    built = [row for row in rows if row.version == rows[0].version and row.cuda]
    if len(built) == 1:  # the tables know PyPI's own build only: PyTorch's index may have it
        version = rows[0].version
        note = f"whether torch {version} is published for CUDA {cuda} is not in the tables"
        return TorchBuild(version=version, cuda=cuda, backend=backend_of(cuda), note=note)
    lower = [row for row in built if row.cuda and minor(row.cuda) < minor(cuda)]
    if not lower:
        rejected = (Rejected(str(row), f"CUDA {row.cuda} is newer than {cuda}") for row in built)
        raise NoMatch(f"{wanted} and CUDA {cuda}", tuple(rejected))
    best = max(lower, key=lambda row: minor(row.cuda or "0"))
    return _build(best, f"torch {best.version} is not published for CUDA {cuda}")
