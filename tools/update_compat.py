"""Writes the tables of ``cog_compat`` from what packages say of themselves: `make compat`.

``published_compat`` holds what only web pages tell; where a wheel's metadata says more, it wins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from tools import published_compat as published
from tools.wheel_index import Index, Wheel, configured_index, named

DATA = Path(__file__).parents[1] / "compat/cog_compat/data"
# The first release with wheels for a Python that is supported.
_OLDEST = {"torch": "1.11", "tensorflow": "2.4", "jax": "0.4.26", "onnxruntime-gpu": "1.9"}
_FIRST_PYTHON = (3, 10)

Row = tuple[str, ...]


def tables(index: Index) -> dict[str, list[Row]]:
    """Return every table by the name of its module, newest rows first."""
    return {
        "torch": torch_rows(index),
        "tensorflow": tensorflow_rows(index),
        "jax": jax_rows(index),
        "onnxruntime": onnxruntime_rows(index),
        "cuda_images": cuda_image_rows(),
    }


def torch_rows(index: Index) -> list[Row]:
    """torch, CUDA (empty: for CPUs), Pythons, and ``pypi`` where PyPI's own wheel is that one."""
    variants = dict(_torch_published())
    rows: list[Row] = []
    for version, wheels in _releases(index, "torch"):
        listed = variants.get(str(version), ("cpu",))
        own = cuda_of(index.requirements(wheels[0])) or _starred(listed)
        others = {each.rstrip("*") for each in listed} - {"cpu", own}
        for cuda in (own, *sorted(others, key=Version, reverse=True), ""):
            rows.append((str(version), cuda, pythons_of(wheels), "pypi" if cuda == own else ""))
    return rows


def _torch_published() -> Iterator[tuple[str, tuple[str, ...]]]:
    for words in _lines(published.TORCH):
        versions = [word for word in words if word.count(".") == 2]
        for version in versions:
            yield version, tuple(words[len(versions) :])


def _starred(listed: Sequence[str]) -> str:
    return next(each.rstrip("*") for each in listed if each.endswith("*"))


def tensorflow_rows(index: Index) -> list[Row]:
    """TensorFlow, CUDA, cuDNN, Pythons, and the extra that brings CUDA as wheels (or empty)."""
    known = {words[0]: words[1:] for words in _lines(published.TENSORFLOW)}
    rows: list[Row] = []
    for version, wheels in _releases(index, "tensorflow"):
        extra = _with_extra(index.requirements(wheels[0]), "and-cuda")
        minor = f"{version.major}.{version.minor}"
        cuda, cudnn = known.get(minor, ("", ""))
        cuda, cudnn = cuda_of(extra) or cuda, _cudnn_of(extra) or cudnn
        pythons = pythons_of(wheels)
        rows.append((str(version), cuda, cudnn, pythons, "and-cuda" if extra else ""))
    return rows


def jax_rows(index: Index) -> list[Row]:
    """jax, the major version of CUDA its extra brings, Pythons."""
    plugins = {major: index.releases(f"jax-cuda{major}-plugin") for major in ("12", "13")}
    rows: list[Row] = []
    for version, wheels in _releases(index, "jax"):
        requirements = index.requirements(wheels[0])
        for major in ("13", "12"):
            built = plugins[major].get(version)
            if built and _with_extra(requirements, f"cuda{major}"):
                rows.append((str(version), major, pythons_of(built)))
    return rows


def onnxruntime_rows(index: Index) -> list[Row]:
    """onnxruntime-gpu, CUDA, cuDNN, Pythons, and the extras that bring CUDA as wheels."""
    known = [(Version(since), cuda, cudnn) for since, cuda, cudnn in _lines(published.ONNXRUNTIME)]
    rows: list[Row] = []
    for version, wheels in _releases(index, "onnxruntime-gpu"):
        requirements = index.requirements(wheels[0])
        extras = [extra for extra in ("cuda", "cudnn") if _with_extra(requirements, extra)]
        _, cuda, cudnn = next(row for row in reversed(known) if row[0] <= version)
        if extras:
            cuda, cudnn = cuda_of(requirements) or cuda, _cudnn_of(requirements) or cudnn
        rows.append((str(version), cuda, cudnn, pythons_of(wheels), " ".join(extras)))
    return rows


def cuda_image_rows() -> list[Row]:
    """CUDA, the part of the tag that names cuDNN, cuDNN, the newest Ubuntu."""
    rows: list[Row] = []
    for words in _lines(published.CUDA_IMAGES):
        versions = [word for word in words if word.count(".") == 2]
        tag, cudnn, *ubuntus = words[len(versions) :]
        rows += [(version, tag, cudnn, ubuntus[-1]) for version in versions]
    return sorted(rows, key=lambda row: Version(row[0]), reverse=True)


def _releases(index: Index, project: str) -> list[tuple[Version, list[Wheel]]]:
    oldest = Version(_OLDEST[project])
    found = [item for item in index.releases(project).items() if item[0] >= oldest]
    return [(version, wheels) for version, wheels in reversed(found)]


def pythons_of(wheels: Iterable[Wheel]) -> str:
    """Return the Pythons that any of the wheels names, from the oldest that is supported on."""
    minors = {tuple(map(int, python.split("."))) for wheel in wheels for python in wheel.pythons}
    return " ".join(f"3.{minor}" for _, minor in sorted(minors) if (3, minor) >= _FIRST_PYTHON)


def _with_extra(requirements: Iterable[Requirement], extra: str) -> list[Requirement]:
    """Return what an extra adds to what is required in any case."""
    return [
        each
        for each in requirements
        if each.marker
        and each.marker.evaluate(_LINUX | {"extra": extra})
        and not each.marker.evaluate(_LINUX | {"extra": ""})
    ]


_LINUX = {
    "platform_system": "Linux",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "python_version": "3.12",
    "python_full_version": "3.12.0",
}


def cuda_of(requirements: Iterable[Requirement]) -> str:
    """Return the CUDA (``12.8``) that the required runtime wheels are of; empty: not told."""
    names = ("cuda-toolkit", *(f"nvidia-cuda-runtime{each}" for each in ("", "-cu11", "-cu12")))
    return _release(requirements, *names)


def _cudnn_of(requirements: Iterable[Requirement]) -> str:
    return _release(requirements, *(f"nvidia-cudnn-cu{major}" for major in ("11", "12", "13")))


def _release(requirements: Iterable[Requirement], *names: str) -> str:
    for requirement in named(requirements, *names):
        lowest = [each for each in requirement.specifier if each.operator in {"==", ">=", "~="}]
        if lowest:
            version = Version(lowest[0].version.removesuffix(".*"))
            return f"{version.major}.{version.minor}"
    return ""


def _lines(text: str) -> Iterator[list[str]]:
    return (line.split() for line in text.strip().splitlines())


def module(name: str, rows: Iterable[Row], describe: Mapping[str, str]) -> str:
    """Return the text of a table's module."""
    lines = [f'"""{describe[name]} Made by `make compat`; not edited."""', "", "# fmt: off"]
    lines += ["ROWS: tuple[tuple[str, ...], ...] = ("]
    lines += [f"    ({', '.join(f'{chr(34)}{cell}{chr(34)}' for cell in row)})," for row in rows]
    return "\n".join([*lines, ")", ""])


DESCRIPTIONS = {
    "torch": "torch, CUDA (none: CPU), Pythons, where from.",
    "tensorflow": "TensorFlow, CUDA, cuDNN, Pythons, extra with CUDA.",
    "jax": "jax, major version of CUDA, Pythons.",
    "onnxruntime": "onnxruntime-gpu, CUDA, cuDNN, Pythons, extras with CUDA.",
    "cuda_images": "NVIDIA's images: CUDA, cuDNN in the tag, cuDNN, Ubuntu.",
}


def main() -> int:
    """Write every table; a package index is asked as pip would ask it."""
    with configured_index(os.environ) as index:
        made = tables(index)
    for name, rows in made.items():
        (DATA / f"{name}.py").write_text(module(name, rows, DESCRIPTIONS))
        print(f"{name}: {len(rows)} rows, newest {rows[0][0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
